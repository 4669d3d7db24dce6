// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Pictures that stay in a GPU's memory (caps memory:CUDAMemory).  devicememory_cuda.cpp
// does it with libgstcuda; devicememory_none.cpp stands in where the build has no CUDA,
// and only says so.
#pragma once

#include <gst/video/video.h>

#include <functional>
#include <memory>
#include <string>

#include "models/engine.h"

class DeviceMemory {
public:
  virtual ~DeviceMemory () = default;

  // `device` is where the avatar runs ("cpu", "cuda:0"); nothing happens if it is open
  // for that already.  For a GPU, takes the CUDA context of a neighbour or the
  // application, or else offers them the one that the engine computes in.  Where that
  // fails, a warning message says why, and that pictures go through system memory.
  virtual void open (const std::string &device) = 0;
  virtual void close () = 0;

  // Whether caps may name memory:CUDAMemory; if not, `reason ()` says why.  Any thread.
  virtual bool available () const = 0;
  virtual std::string reason () const = 0;

  // For GstElementClass::set_context, at any time, before chaining up.
  virtual void set_context (GstContext *context) = 0;

  // Answers a CONTEXT query; false if there is nothing to answer.
  virtual bool answer (GstQuery *query) = 0;

  // Answers an ALLOCATION query for caps in GPU memory with downstream's pool, or with
  // one of ours.  Throws daetalker::Error (failed).
  virtual void decide_allocation (GstQuery *query) = 0;

  // Lets `render` write a picture into `buffer`, which lies in GPU memory, and returns
  // what it returned.  The picture is complete by then.  Memory of another context than
  // the engine's costs one copy on the GPU.  Throws daetalker::Error (failed), as does
  // `render`.
  using Render = std::function<bool (const daetalker::ImageView &view)>;
  virtual bool write (const GstVideoInfo &info, GstBuffer *buffer,
                      const Render &render) = 0;
};

std::unique_ptr<DeviceMemory> daetalker_device_memory_new (GstElement *element);
