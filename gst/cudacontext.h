// SPDX-License-Identifier: LGPL-2.1-or-later
//
// CUDA contexts as libgstcuda knows them, and what it leaves out of the driver.  Of that
// library only what is the same from 1.22 to 1.28 is called, and nothing before
// daetalker_cuda_primary_context () has succeeded: it aborts without a driver.
#pragma once

#include <gst/cuda/cuda-gst.h>
#include <gst/cuda/gstcudabufferpool.h>
#include <gst/cuda/gstcudacontext.h>
#include <gst/cuda/gstcudamemory.h>
#include <gst/cuda/gstcudautils.h>

#include <memory>

struct GstObjectUnref {
  void operator() (gpointer object) const { gst_object_unref (object); }
};
using CudaContextPtr = std::unique_ptr<GstCudaContext, GstObjectUnref>;

// The primary context of a device, in which LibTorch computes; one object for the whole
// process, so that elements recognise each other's memory.  Throws daetalker::Error
// (no_device) if there is no driver or no such device, (failed) if it gives no context.
CudaContextPtr daetalker_cuda_primary_context (int device);

// Throws daetalker::Error (failed) that names `task` and the driver's words, unless
// `result` is CUDA_SUCCESS.
void daetalker_check_cuda (CUresult result, const char *task);

// Makes a context the thread's own for a scope.  Throws daetalker::Error (failed).
class CudaContextScope {
public:
  explicit CudaContextScope (GstCudaContext *context);
  ~CudaContextScope () { gst_cuda_context_pop (nullptr); }
  CudaContextScope (const CudaContextScope &) = delete;
  CudaContextScope &operator= (const CudaContextScope &) = delete;
};

// Rows of bytes on a device.
struct CudaRows {
  gpointer data;
  gsize pitch;
};

// Copies rows from memory of one context to that of another, of one device or of two.
class CudaCopy {
public:
  // Throws daetalker::Error (failed), as do add () and finish ().
  CudaCopy (GstCudaContext *from, GstCudaContext *to);
  ~CudaCopy () { CuStreamDestroy (stream_); }
  CudaCopy (const CudaCopy &) = delete;
  CudaCopy &operator= (const CudaCopy &) = delete;

  void add (const CudaRows &from, const CudaRows &to, gsize bytes, gsize rows);

  // Waits until all is there.
  void finish ();

private:
  const CUcontext from_, to_;
  const CudaContextScope scope_; // of `to`
  CUstream stream_ = nullptr;
};
