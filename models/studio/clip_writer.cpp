// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/clip_writer.h"

#include "models/engine.h"
#include "models/studio/crop.h"
#include "models/studio/gst_launch.h"
#include "models/studio/media.h"

#include <algorithm>
#include <cstdio>
#include <gst/app/gstappsrc.h>
#include <opencv2/imgproc.hpp>

namespace daetalker {

namespace {

constexpr guint64 frames_in_flight = 8;

// FFV1 in BGRx is coded as RGB: what is read back is what was written.
std::string
description (bool with_speech, int width)
{
  std::string text =
      "matroskamux name=mux writing-app=daetalker ! filesink name=file "
      "appsrc name=frames format=time block=true caps=video/x-raw,format=BGRx,width=" +
      std::to_string (width) + ",height=" + std::to_string (dataset_picture_size) +
      ",framerate=" + std::to_string (dataset_fps) + "/1 ! avenc_ffv1 ! queue ! mux. ";
  if (with_speech)
    text += "appsrc name=speech format=time max-bytes=0 caps=audio/x-raw,format=S16LE,"
            "layout=interleaved,channels=1,rate=" +
            std::to_string (dataset_sample_rate) + " ! flacenc ! queue ! mux. ";
  return text;
}

} // namespace

ClipWriter::ClipWriter (const std::string &path, const std::vector<std::int16_t> &speech,
                        int beside)
    : path_ (path), temporary_ (path + ".part"), width_ (beside * dataset_picture_size),
      pipeline_ (
          launch_pipeline (description (!speech.empty (), width_), "dataset writer")),
      frames_ (element_of (pipeline_, "frames"))
{
  g_object_set (element_of (pipeline_, "file").get (), "location", temporary_.c_str (),
                nullptr);
  gst_app_src_set_max_bytes (GST_APP_SRC (frames_.get ()),
                             frames_in_flight * 4 * width_ * dataset_picture_size);
  gst_element_set_state (pipeline_.get (), GST_STATE_PLAYING);
  push_speech (speech);
}

ClipWriter::~ClipWriter ()
{
  gst_element_set_state (pipeline_.get (), GST_STATE_NULL);
  std::remove (temporary_.c_str ());
}

void
ClipWriter::push_speech (const std::vector<std::int16_t> &speech)
{
  const GstElementPointer source = element_of (pipeline_, "speech");
  if (!source)
    return;
  const std::size_t second = dataset_sample_rate;
  for (std::size_t begin = 0; begin < speech.size (); begin += second) {
    const std::size_t count = std::min (second, speech.size () - begin);
    GstBuffer *buffer =
        gst_buffer_new_memdup (speech.data () + begin, count * sizeof (std::int16_t));
    GST_BUFFER_PTS (buffer) = begin / second * GST_SECOND;
    GST_BUFFER_DURATION (buffer) = gst_util_uint64_scale (count, GST_SECOND, second);
    gst_app_src_push_buffer (GST_APP_SRC (source.get ()), buffer);
  }
  gst_app_src_end_of_stream (GST_APP_SRC (source.get ()));
}

void
ClipWriter::check_bus (GstClockTime timeout, bool until_end)
{
  GstBusPointer bus (gst_element_get_bus (pipeline_.get ()));
  const auto kinds = static_cast<GstMessageType> (
      GST_MESSAGE_ERROR | (until_end ? GST_MESSAGE_EOS : GST_MESSAGE_UNKNOWN));
  GstMessagePointer message (gst_bus_timed_pop_filtered (bus.get (), timeout, kinds));
  if (!message) {
    if (until_end)
      throw Error (ErrorCode::failed, path_, "the encoder does not finish",
                   "Run the command again");
    return;
  }
  if (GST_MESSAGE_TYPE (message.get ()) == GST_MESSAGE_EOS)
    return;
  GError *error = nullptr;
  gst_message_parse_error (message.get (), &error, nullptr);
  GErrorPointer owned (error);
  throw Error (
      ErrorCode::failed, path_, error->message,
      "Check the free space and the rights of the folder, then run the command again");
}

void
ClipWriter::write (const cv::Mat &rgb)
{
  check_bus (0, false);
  GstBuffer *buffer = gst_buffer_new_allocate (
      nullptr, 4 * gsize (width_) * dataset_picture_size, nullptr);
  GstMapInfo map;
  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  cv::Mat bgrx (dataset_picture_size, width_, CV_8UC4, map.data);
  cv::cvtColor (rgb, bgrx, cv::COLOR_RGB2BGRA);
  gst_buffer_unmap (buffer, &map);
  GST_BUFFER_PTS (buffer) = count_++ * frame_duration;
  GST_BUFFER_DURATION (buffer) = frame_duration;
  // After an error downstream the push fails; the bus says why.
  if (gst_app_src_push_buffer (GST_APP_SRC (frames_.get ()), buffer) != GST_FLOW_OK)
    check_bus (GST_SECOND, true);
}

void
ClipWriter::finish ()
{
  gst_app_src_end_of_stream (GST_APP_SRC (frames_.get ()));
  check_bus (600 * GST_SECOND, true);
  gst_element_set_state (pipeline_.get (), GST_STATE_NULL);
  if (std::rename (temporary_.c_str (), path_.c_str ()) != 0)
    throw Error (ErrorCode::failed, path_, "it could not be given its name",
                 "Check the rights of the folder");
}

} // namespace daetalker
