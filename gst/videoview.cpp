// SPDX-License-Identifier: LGPL-2.1-or-later
#include "videoview.h"

using daetalker::ColorMatrix;
using daetalker::Error;
using daetalker::ErrorCode;
using daetalker::ImageView;
using daetalker::PixelFormat;

namespace {

PixelFormat
pixel_format (const GstVideoFrame &frame)
{
  switch (GST_VIDEO_FRAME_FORMAT (&frame)) {
  case GST_VIDEO_FORMAT_RGB:
    return PixelFormat::rgb;
  case GST_VIDEO_FORMAT_RGBA:
    return PixelFormat::rgba;
  case GST_VIDEO_FORMAT_RGBx:
    return PixelFormat::rgbx;
  case GST_VIDEO_FORMAT_BGRx:
    return PixelFormat::bgrx;
  case GST_VIDEO_FORMAT_I420:
    return PixelFormat::i420;
  case GST_VIDEO_FORMAT_NV12:
    return PixelFormat::nv12;
  default:
    throw Error (ErrorCode::failed,
                 gst_video_format_to_string (GST_VIDEO_FRAME_FORMAT (&frame)),
                 "the engine does not know this format", "Put videoconvert beside it");
  }
}

} // namespace

ImageView
daetalker_image_view (const GstVideoFrame &frame)
{
  ImageView view;
  view.format = pixel_format (frame);
  const GstVideoColorimetry &color = frame.info.colorimetry;
  view.matrix = color.matrix == GST_VIDEO_COLOR_MATRIX_BT709 ? ColorMatrix::bt709
                                                             : ColorMatrix::bt601;
  view.full_range = color.range == GST_VIDEO_COLOR_RANGE_0_255;
  view.width = GST_VIDEO_FRAME_WIDTH (&frame);
  view.height = GST_VIDEO_FRAME_HEIGHT (&frame);
  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES (&frame); i++) {
    view.plane[i] = (std::uint8_t *)GST_VIDEO_FRAME_PLANE_DATA (&frame, i);
    view.stride[i] = GST_VIDEO_FRAME_PLANE_STRIDE (&frame, i);
  }
  return view;
}

MappedVideoFrame::MappedVideoFrame (const GstVideoInfo &info, GstBuffer *buffer,
                                    GstMapFlags flags)
{
  if (!gst_video_frame_map (&frame_, &info, buffer, flags))
    throw Error (ErrorCode::failed, "video buffer", "it cannot be mapped",
                 "Put videoconvert beside it");
}

MappedVideoFrame::~MappedVideoFrame ()
{
  gst_video_frame_unmap (&frame_);
}
