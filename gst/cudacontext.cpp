// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cudacontext.h"

#include <gmodule.h>

#include <map>
#include <mutex>
#include <string>

#include "models/engine.h"

using daetalker::Error;
using daetalker::ErrorCode;

namespace {

// What libgstcuda does not load.  The names are the driver's for these signatures.
struct Driver {
  CUresult (*retain_primary) (CUcontext *context, CUdevice device) = nullptr;
  CUresult (*release_primary) (CUdevice device) = nullptr;
  CUresult (*copy_peer) (const CUDA_MEMCPY3D_PEER *copy, CUstream stream) = nullptr;

  bool load ()
  {
    // Never closed: libgstcuda keeps it too.
    GModule *module = g_module_open ("libcuda.so.1", G_MODULE_BIND_LAZY);
    return module != nullptr &&
           g_module_symbol (module, "cuDevicePrimaryCtxRetain",
                            (gpointer *)&retain_primary) &&
           g_module_symbol (module, "cuDevicePrimaryCtxRelease_v2",
                            (gpointer *)&release_primary) &&
           g_module_symbol (module, "cuMemcpy3DPeerAsync", (gpointer *)&copy_peer);
  }
};

// nullptr where the machine has none that works.
const Driver *
driver ()
{
  static Driver loaded;
  static const bool works =
      gst_cuda_load_library () && loaded.load () && CuInit (0) == CUDA_SUCCESS;
  return works ? &loaded : nullptr;
}

void
release_primary (gpointer device, GObject *)
{
  driver ()->release_primary (GPOINTER_TO_INT (device));
}

CudaContextPtr
new_primary_context (int device)
{
  CUcontext handle = nullptr;
  daetalker_check_cuda (driver ()->retain_primary (&handle, device),
                        "giving its primary context");
  CudaContextPtr context (gst_cuda_context_new_wrapped (handle, device));
  if (context == nullptr) {
    driver ()->release_primary (device);
    throw Error (ErrorCode::failed, "cuda:" + std::to_string (device),
                 "GStreamer does not take its primary context",
                 "Look at GST_DEBUG=cudacontext:6");
  }
  g_object_weak_ref (G_OBJECT (context.get ()), release_primary,
                     GINT_TO_POINTER (device));
  return context;
}

} // namespace

CudaContextPtr
daetalker_cuda_primary_context (int device)
{
  const std::string name = "cuda:" + std::to_string (device);
  if (driver () == nullptr)
    throw Error (ErrorCode::no_device, name,
                 "NVIDIA's driver (libcuda.so.1) is missing, too old, or does not start",
                 "Install it, or look at GST_DEBUG=*cuda*:6");
  int count = 0;
  daetalker_check_cuda (CuDeviceGetCount (&count), "counting its devices");
  if (device >= count)
    throw Error (ErrorCode::no_device, name,
                 "the driver has " + std::to_string (count) + " devices",
                 "Choose another device");

  static std::mutex mutex;
  static std::map<int, GWeakRef> known;
  const std::lock_guard<std::mutex> lock (mutex);
  GWeakRef &place = known[device];
  CudaContextPtr context ((GstCudaContext *)g_weak_ref_get (&place));
  if (context == nullptr) {
    context = new_primary_context (device);
    g_weak_ref_set (&place, context.get ());
  }
  return context;
}

void
daetalker_check_cuda (CUresult result, const char *task)
{
  if (result == CUDA_SUCCESS)
    return;
  const char *words = nullptr;
  if (CuGetErrorString (result, &words) != CUDA_SUCCESS || words == nullptr)
    words = "an unknown error";
  throw Error (ErrorCode::failed, "CUDA driver",
               "error " + std::to_string (int (result)) + " (" + words + ") while " +
                   task,
               "If the GPU was lost, the process must be started again; the system's log "
               "says why");
}

CudaContextScope::CudaContextScope (GstCudaContext *context)
{
  if (!gst_cuda_context_push (context))
    throw Error (ErrorCode::failed, "CUDA driver", "it does not enter a context",
                 "If the GPU was lost, the process must be started again");
}

CudaCopy::CudaCopy (GstCudaContext *from, GstCudaContext *to)
    : from_ ((CUcontext)gst_cuda_context_get_handle (from)),
      to_ ((CUcontext)gst_cuda_context_get_handle (to)), scope_ (to)
{
  daetalker_check_cuda (CuStreamCreate (&stream_, CU_STREAM_NON_BLOCKING),
                        "making a stream");
}

void
CudaCopy::add (const CudaRows &from, const CudaRows &to, gsize bytes, gsize rows)
{
  CUDA_MEMCPY3D_PEER copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcContext = from_;
  copy.srcDevice = (CUdeviceptr)from.data;
  copy.srcPitch = from.pitch;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstContext = to_;
  copy.dstDevice = (CUdeviceptr)to.data;
  copy.dstPitch = to.pitch;
  copy.WidthInBytes = bytes;
  copy.Height = rows;
  copy.Depth = 1;
  daetalker_check_cuda (driver ()->copy_peer (&copy, stream_), "copying a picture");
}

void
CudaCopy::finish ()
{
  daetalker_check_cuda (CuStreamSynchronize (stream_), "copying a picture");
}
