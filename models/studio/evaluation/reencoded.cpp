// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/evaluation/reencoded.h"

#include "models/engine.h"
#include "models/studio/gst_errors.h"
#include "models/studio/gst_launch.h"
#include "models/studio/media.h"

#include <algorithm>
#include <cmath>
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <opencv2/imgproc.hpp>

namespace daetalker {

namespace {

GstElementPointer
codec_pipeline (const cv::Size &size, int kilobits)
{
  const std::string rate = kilobits > 0 ? "pass=cbr bitrate=" + std::to_string (kilobits)
                                        : std::string ("pass=quant quantizer=21");
  const std::string text =
      "appsrc name=in format=time max-bytes=0 caps=video/x-raw,format=BGRx,width=" +
      std::to_string (size.width) + ",height=" + std::to_string (size.height) +
      ",framerate=" + std::to_string (dataset_fps) +
      "/1 ! videoconvert ! video/x-raw,format=I420 ! x264enc name=encoder " + rate +
      " ! avdec_h264 ! videoconvert ! video/x-raw,format=BGRx ! "
      "appsink name=out sync=false";
  return launch_pipeline (text, "video encoder");
}

void
push (GstAppSrc *source, const Pictures &pictures)
{
  GstClockTime time = 0;
  for (const cv::Mat &picture : pictures) {
    GstBuffer *buffer = gst_buffer_new_allocate (nullptr, 4 * picture.total (), nullptr);
    GstMapInfo map;
    gst_buffer_map (buffer, &map, GST_MAP_WRITE);
    cv::Mat bgrx (picture.size (), CV_8UC4, map.data);
    cv::cvtColor (picture, bgrx, cv::COLOR_RGB2BGRA);
    gst_buffer_unmap (buffer, &map);
    GST_BUFFER_PTS (buffer) = time;
    GST_BUFFER_DURATION (buffer) = frame_duration;
    time += frame_duration;
    gst_app_src_push_buffer (source, buffer);
  }
  gst_app_src_end_of_stream (source);
}

Pictures
pull (GstAppSink *sink, const cv::Size &size)
{
  Pictures pictures;
  while (GstSample *sample = gst_app_sink_pull_sample (sink)) {
    GstBuffer *buffer = gst_sample_get_buffer (sample);
    GstMapInfo map;
    gst_buffer_map (buffer, &map, GST_MAP_READ);
    cv::Mat rgb;
    cv::cvtColor (cv::Mat (size, CV_8UC4, map.data), rgb, cv::COLOR_BGRA2RGB);
    gst_buffer_unmap (buffer, &map);
    gst_sample_unref (sample);
    pictures.push_back (rgb);
  }
  return pictures;
}

GstPadProbeReturn
count_bytes (GstPad *, GstPadProbeInfo *info, gpointer bytes)
{
  *static_cast<std::uint64_t *> (bytes) +=
      gst_buffer_get_size (GST_PAD_PROBE_INFO_BUFFER (info));
  return GST_PAD_PROBE_OK;
}

} // namespace

Encoded
through_video_encoder (const Pictures &pictures, int kilobits)
{
  Encoded result;
  const cv::Size size = pictures.at (0).size ();
  const GstElementPointer pipeline = codec_pipeline (size, kilobits);
  const GstElementPointer in = element_of (pipeline, "in");
  const GstElementPointer out = element_of (pipeline, "out");
  const GstPadPointer encoded (
      gst_element_get_static_pad (element_of (pipeline, "encoder").get (), "src"));
  gst_pad_add_probe (encoded.get (), GST_PAD_PROBE_TYPE_BUFFER, count_bytes,
                     &result.bytes, nullptr);
  gst_element_set_state (pipeline.get (), GST_STATE_PLAYING);
  push (GST_APP_SRC (in.get ()), pictures);
  result.pictures = pull (GST_APP_SINK (out.get ()), size);
  const GstBusPointer bus (gst_element_get_bus (pipeline.get ()));
  const GstMessagePointer message (gst_bus_pop_filtered (bus.get (), GST_MESSAGE_ERROR));
  gst_element_set_state (pipeline.get (), GST_STATE_NULL);
  if (message || result.pictures.size () != pictures.size ())
    throw Error (ErrorCode::failed, "video encoder",
                 message ? reason_of (*error_of (message.get ()))
                         : "it gave " + std::to_string (result.pictures.size ()) +
                               " pictures for " + std::to_string (pictures.size ()),
                 "Run it again with GST_DEBUG=3 and look at what is said last");
  return result;
}

Encoded
reencoded (const Pictures &real, const Pictures &made)
{
  const double seconds = double (made.size ()) / dataset_fps;
  const double bits = 8 * double (through_video_encoder (made).bytes);
  const int kilobits = std::max (1, int (std::lround (bits / seconds / 1000)));
  return through_video_encoder (real, kilobits);
}

} // namespace daetalker
