// SPDX-License-Identifier: LGPL-2.1-or-later
//
// GStreamer's pictures as the engine sees them.
#pragma once

#include <gst/video/video.h>

#include "models/engine.h"

#define DAETALKER_CUDA_MEMORY "memory:CUDAMemory" // libgstcuda's name for it

#define DAETALKER_VIDEO_FORMAT_CAPS(memory, formats, sizes)                              \
  "video/x-raw" memory ", format=(string){ " formats " }, width=(int)" sizes             \
  ", height=(int)" sizes ", framerate=(fraction)[ 1/2147483647, 2147483647/1 ], "        \
  "pixel-aspect-ratio=(fraction)1/1"
#define DAETALKER_RGB_CAPS(memory, formats, sizes)                                       \
  DAETALKER_VIDEO_FORMAT_CAPS (memory, formats, sizes) ", colorimetry=(string)sRGB"
#define DAETALKER_YUV_CAPS(memory, formats, sizes)                                       \
  DAETALKER_VIDEO_FORMAT_CAPS (memory, formats, sizes)                                   \
  ", colorimetry=(string){ bt601, bt709 }, chroma-site=(string)jpeg"

// On the GPU even sizes only: early versions of libgstcuda place chroma wrongly at
// others.
#define DAETALKER_CUDA_YUV_CAPS                                                          \
  DAETALKER_YUV_CAPS ("(" DAETALKER_CUDA_MEMORY ")", "NV12", "[ 2, 16384, 2 ]")
#define DAETALKER_CUDA_RGB_CAPS                                                          \
  DAETALKER_RGB_CAPS ("(" DAETALKER_CUDA_MEMORY ")", "RGBA", "[ 2, 16384, 2 ]")
#define DAETALKER_SYSTEM_RGB_CAPS                                                        \
  DAETALKER_RGB_CAPS ("", "RGBA, RGBx, BGRx, RGB", "[ 1, 16384 ]")
#define DAETALKER_SYSTEM_YUV_CAPS DAETALKER_YUV_CAPS ("", "I420, NV12", "[ 1, 16384 ]")

// Template caps: what a Renderer writes.  Never a variable frame rate.
#define DAETALKER_VIDEO_CAPS                                                             \
  DAETALKER_CUDA_YUV_CAPS                                                                \
  "; " DAETALKER_CUDA_RGB_CAPS "; " DAETALKER_SYSTEM_RGB_CAPS                            \
  "; " DAETALKER_SYSTEM_YUV_CAPS

// A mapped frame, strides as they are.  Valid while `frame` is mapped.  Throws
// daetalker::Error (failed) for a format that is none of the above.
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

  // `other` has the same format and size.
  void copy (const MappedVideoFrame &other)
  {
    gst_video_frame_copy (&frame_, &other.frame_);
  }

private:
  GstVideoFrame frame_;
};
