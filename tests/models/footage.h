// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Footage for tests, made here: a drawn head that dlib's detector takes for a
// face, and media files from GStreamer's test sources.
#pragma once

#include <algorithm>
#include <functional>
#include <gst/app/gstappsrc.h>
#include <gtest/gtest.h>
#include <opencv2/imgproc.hpp>
#include <string>

#include "models/studio/gst_pointers.h"

namespace daetalker::test {

// Runs a launch line to its end; throws if it fails.
inline void
run_to_end (GstElement *pipeline)
{
  GstBusPointer bus (gst_element_get_bus (pipeline));
  GstMessagePointer message (gst_bus_timed_pop_filtered (
      bus.get (), 60 * GST_SECOND,
      static_cast<GstMessageType> (GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
  gst_element_set_state (pipeline, GST_STATE_NULL);
  if (!message || GST_MESSAGE_TYPE (message.get ()) != GST_MESSAGE_EOS)
    throw std::runtime_error ("the test's pipeline failed");
}

inline void
make_media (const std::string &launch)
{
  GError *error = nullptr;
  GstElementPointer pipeline (gst_parse_launch (launch.c_str (), &error));
  if (error) {
    GErrorPointer owned (error);
    throw std::runtime_error (error->message);
  }
  gst_object_ref_sink (pipeline.get ());
  gst_element_set_state (pipeline.get (), GST_STATE_PLAYING);
  run_to_end (pipeline.get ());
}

// A face seen from the front, 0.5 of `size` wide, its mouth open by `opening`
// (0 to 1), moved by `shift` pixels.
inline cv::Mat
draw_face (int size, double opening, cv::Point2d shift = {})
{
  cv::Mat picture (size, size, CV_8UC3, cv::Scalar (90, 110, 150));
  const double unit = size / 256.0;
  const auto at = [&] (double x, double y) {
    return cv::Point (cv::Point2d (size / 2.0 + x * unit, size / 2.0 + y * unit) + shift);
  };
  const auto oval = [&] (double x, double y, double w, double h,
                         const cv::Scalar &colour) {
    cv::ellipse (picture, at (x, y), cv::Size (int (w * unit), int (h * unit)), 0, 0, 360,
                 colour, cv::FILLED, cv::LINE_AA);
  };
  const cv::Scalar skin (215, 175, 150), shade (170, 125, 105), hair (50, 35, 30);
  oval (0, -12, 66, 84, hair);
  oval (0, 86, 34, 40, shade); // neck
  oval (0, 8, 57, 76, skin);
  for (const int side : {-1, 1}) {
    oval (side * 24, -12, 17, 11, shade); // eye socket
    oval (side * 24, -10, 12, 6, {245, 245, 245});
    oval (side * 24, -10, 5, 6, {40, 30, 30});
    cv::line (picture, at (side * 10, -26), at (side * 38, -27), hair, int (6 * unit),
              cv::LINE_AA);
    oval (side * 8, 26, 5, 4, shade); // nostril
  }
  cv::line (picture, at (-7, -8), at (-9, 20), shade, int (3 * unit), cv::LINE_AA);
  oval (0, 48, 24, 8 + 8 * opening, {180, 80, 80});
  oval (0, 48, 17, 1 + 8 * opening, {50, 20, 20});
  cv::GaussianBlur (picture, picture, {}, 1.2 * unit);
  return picture;
}

// `frames` pictures at 25 a second and as long a tone whose loudness follows
// `loudness` (frame -> 0 to 1; null: no sound), as a Matroska file.
inline void
make_footage (const std::string &path, int size, int frames,
              const std::function<cv::Mat (int)> &draw,
              const std::function<double (int)> &loudness)
{
  std::string line = "matroskamux name=mux ! filesink location=" + path +
                     " appsrc name=v format=time caps=video/x-raw,format=RGB,width=" +
                     std::to_string (size) + ",height=" + std::to_string (size) +
                     ",framerate=25/1 ! videoconvert ! avenc_ffv1 ! queue ! mux. ";
  if (loudness)
    line += "appsrc name=a format=time caps=audio/x-raw,format=S16LE,layout=interleaved,"
            "rate=16000,channels=1 ! flacenc ! queue ! mux. ";
  GstElementPointer pipeline (gst_parse_launch (line.c_str (), nullptr));
  gst_object_ref_sink (pipeline.get ());
  gst_element_set_state (pipeline.get (), GST_STATE_PLAYING);
  const auto push = [&] (const char *name, int frame, const void *data,
                         std::size_t bytes) {
    GstElementPointer source (gst_bin_get_by_name (GST_BIN (pipeline.get ()), name));
    GstBuffer *buffer = gst_buffer_new_memdup (data, bytes);
    GST_BUFFER_PTS (buffer) = frame * 40 * GST_MSECOND;
    GST_BUFFER_DURATION (buffer) = 40 * GST_MSECOND;
    gst_app_src_push_buffer (GST_APP_SRC (source.get ()), buffer);
    if (frame == frames - 1)
      gst_app_src_end_of_stream (GST_APP_SRC (source.get ()));
  };
  for (int frame = 0; frame < frames; ++frame) {
    const cv::Mat picture = draw (frame);
    push ("v", frame, picture.data, picture.total () * picture.elemSize ());
    if (!loudness)
      continue;
    std::vector<std::int16_t> samples (640);
    for (int i = 0; i < 640; ++i)
      samples[i] =
          std::int16_t (20000 * loudness (frame) * std::sin ((frame * 640 + i) * 0.1));
    push ("a", frame, samples.data (), samples.size () * 2);
  }
  run_to_end (pipeline.get ());
}

} // namespace daetalker::test
