// SPDX-License-Identifier: LGPL-2.1-or-later
//
// GStreamer's pictures as the engine sees them.
#pragma once

#include <gst/video/video.h>

#include "models/engine.h"

#define DAETALKER_VIDEO_FORMAT_CAPS(formats)                                             \
  "video/x-raw, format=(string){ " formats " }, width=(int)[ 1, 16384 ], "               \
  "height=(int)[ 1, 16384 ], framerate=(fraction)[ 1/2147483647, 2147483647/1 ], "       \
  "pixel-aspect-ratio=(fraction)1/1"

// Template caps: what a Renderer writes.  Never a variable frame rate.
#define DAETALKER_VIDEO_CAPS                                                             \
  DAETALKER_VIDEO_FORMAT_CAPS ("RGBA, RGBx, BGRx, RGB")                                  \
  ", colorimetry=(string)sRGB; " DAETALKER_VIDEO_FORMAT_CAPS (                           \
      "I420, NV12") ", colorimetry=(string){ bt601, bt709 }, chroma-site=(string)jpeg"

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
