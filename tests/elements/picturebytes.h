// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A video buffer's picture as a test compares it, wherever its memory lies.
#pragma once

#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <vector>

// The rows of all planes without their padding, as a CPU maps them.
inline std::vector<guint8>
picture_bytes (GstBuffer *buffer, const GstCaps *caps)
{
  GstVideoInfo info;
  GstVideoFrame frame;
  EXPECT_TRUE (gst_video_info_from_caps (&info, caps));
  EXPECT_TRUE (gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ));
  std::vector<guint8> bytes;
  for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES (&frame); plane++) {
    const gint width = GST_VIDEO_FRAME_COMP_WIDTH (&frame, plane) *
                       GST_VIDEO_FRAME_COMP_PSTRIDE (&frame, plane);
    const auto *row = (const guint8 *)GST_VIDEO_FRAME_PLANE_DATA (&frame, plane);
    for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&frame, plane); y++) {
      bytes.insert (bytes.end (), row, row + width);
      row += GST_VIDEO_FRAME_PLANE_STRIDE (&frame, plane);
    }
  }
  gst_video_frame_unmap (&frame);
  return bytes;
}
