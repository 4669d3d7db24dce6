// SPDX-License-Identifier: LGPL-2.1-or-later
//
// GStreamer's pictures as the engine sees them.
#pragma once

#include <gst/video/video.h>

#include "models/engine.h"

// The formats that a Renderer writes.
#define DAETALKER_RGB_FORMATS "RGBA, RGBx, BGRx, RGB"
#define DAETALKER_YUV_FORMATS "I420, NV12"

// A mapped frame of system memory, strides as they are.  Valid while `frame` is
// mapped.  Throws daetalker::Error (failed) for a format that is none of the above.
daetalker::ImageView daetalker_image_view (const GstVideoFrame &frame);

// Maps on construction, unmaps on destruction.
class MappedVideoFrame {
public:
  // Throws daetalker::Error (failed) if the buffer cannot be mapped.
  MappedVideoFrame (const GstVideoInfo &info, GstBuffer *buffer, GstMapFlags flags);
  ~MappedVideoFrame ();
  MappedVideoFrame (const MappedVideoFrame &) = delete;
  MappedVideoFrame &operator= (const MappedVideoFrame &) = delete;

  daetalker::ImageView view () const { return daetalker_image_view (frame_); }

private:
  GstVideoFrame frame_;
};
