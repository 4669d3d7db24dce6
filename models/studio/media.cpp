// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/media.h"

#include "models/studio/gst_errors.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <fstream>
#include <gst/app/gstappsink.h>
#include <gst/base/gsttypefindhelper.h>
#include <gst/video/video.h>
#include <mutex>

namespace daetalker {

namespace {

constexpr GstClockTime longest_wait = 60 * GST_SECOND;

constexpr const char *video_branch =
    "queue ! videoconvert ! deinterlace ! videoflip video-direction=auto ! videoscale ! "
    "videorate name=rate skip-to-first=true ! videoconvert ! "
    "video/x-raw,format=RGB,framerate=25/1,pixel-aspect-ratio=1/1 ! "
    "appsink name=frames sync=false max-buffers=4 qos=false";

// audiorate fills holes with silence and drops overlaps, so that a sample's
// number is its time.
constexpr const char *audio_branch =
    "queue ! audiorate ! audioconvert dithering=none ! audioresample ! "
    "audio/x-raw,format=S16LE,channels=1,rate=16000 ! "
    "appsink name=samples sync=false qos=false";

class Decoding {
public:
  Decoding (const std::string &path, const FrameHandler &on_frame, bool want_speech)
      : path_ (path), on_frame_ (on_frame), want_speech_ (want_speech)
  {
  }

  MediaInfo run (std::vector<std::int16_t> *speech);

private:
  static void on_pad (GstElement *, GstPad *pad, gpointer self);
  static void on_last_pad (GstElement *, gpointer self);
  static GstFlowReturn on_picture (GstAppSink *sink, gpointer self);
  static GstFlowReturn on_speech (GstAppSink *sink, gpointer self);

  GstElement *add_branch (const char *description, GstPad *pad);
  void take_picture (GstSample *sample);
  void take_speech (GstSample *sample);
  void wait_for_end (GstElement *pipeline);
  [[noreturn]] void fail (GstMessage *message) const;
  GstFlowReturn remember_exception ();
  void take_pad (GstPad *pad);
  void post (const char *name);

  std::string path_;
  FrameHandler on_frame_;
  bool want_speech_;
  GstElement *pipeline_ = nullptr;
  GstElement *videorate_ = nullptr;
  MediaInfo info_;
  std::vector<std::int16_t> samples_;
  GstClockTime first_frame_ = GST_CLOCK_TIME_NONE;
  GstClockTime first_sample_ = GST_CLOCK_TIME_NONE;
  std::atomic<std::uint64_t> progress_{0};
  std::mutex mutex_;
  std::exception_ptr exception_;
};

void
Decoding::on_pad (GstElement *, GstPad *pad, gpointer data)
{
  auto *self = static_cast<Decoding *> (data);
  try {
    self->take_pad (pad);
  } catch (...) { // would end the process
    self->remember_exception ();
    self->post ("failed");
  }
}

void
Decoding::take_pad (GstPad *pad)
{
  GstCapsPointer caps (gst_pad_get_current_caps (pad));
  if (!caps)
    caps.reset (gst_pad_query_caps (pad, nullptr));
  const GstStructure *structure = gst_caps_get_structure (caps.get (), 0);
  const gchar *media = gst_structure_get_name (structure);
  std::lock_guard<std::mutex> lock (mutex_);
  if (g_str_equal (media, "video/x-raw") && !videorate_) {
    gst_structure_get_fraction (structure, "framerate", &info_.native_fps.num,
                                &info_.native_fps.den);
    GstElement *branch = add_branch (video_branch, pad);
    GstElementPointer rate (gst_bin_get_by_name (GST_BIN (branch), "rate"));
    videorate_ = rate.get (); // lives as long as the pipeline
  } else if (g_str_equal (media, "audio/x-raw") && !info_.has_audio) {
    info_.has_audio = true;
    if (want_speech_)
      add_branch (audio_branch, pad);
  }
}

// To the one who waits for the end.
void
Decoding::post (const char *name)
{
  gst_element_post_message (pipeline_,
                            gst_message_new_application (GST_OBJECT (pipeline_),
                                                         gst_structure_new_empty (name)));
}

// Without a sink a pipeline never ends.
void
Decoding::on_last_pad (GstElement *, gpointer data)
{
  auto *self = static_cast<Decoding *> (data);
  std::lock_guard<std::mutex> lock (self->mutex_);
  if (!self->videorate_)
    self->post ("no-video");
}

GstElement *
Decoding::add_branch (const char *description, GstPad *pad)
{
  GError *error = nullptr;
  GstElement *branch = gst_parse_bin_from_description (description, TRUE, &error);
  if (error) {
    GErrorPointer owned (error);
    throw Error (ErrorCode::failed, path_, error->message,
                 "Install GStreamer's base and good plugins");
  }
  auto attach = [this, branch] (const char *name, auto handler) {
    GstElementPointer sink (gst_bin_get_by_name (GST_BIN (branch), name));
    if (!sink)
      return;
    GstAppSinkCallbacks callbacks = {};
    callbacks.new_sample = handler;
    gst_app_sink_set_callbacks (GST_APP_SINK (sink.get ()), &callbacks, this, nullptr);
  };
  attach ("frames", on_picture);
  attach ("samples", on_speech);
  gst_bin_add (GST_BIN (pipeline_), branch);
  GstPadPointer sink_pad (gst_element_get_static_pad (branch, "sink"));
  gst_pad_link (pad, sink_pad.get ());
  gst_element_sync_state_with_parent (branch);
  return branch;
}

GstFlowReturn
Decoding::remember_exception ()
{
  std::lock_guard<std::mutex> lock (mutex_);
  if (!exception_)
    exception_ = std::current_exception ();
  return GST_FLOW_ERROR;
}

GstFlowReturn
Decoding::on_picture (GstAppSink *sink, gpointer data)
{
  auto *self = static_cast<Decoding *> (data);
  GstSamplePointer sample (gst_app_sink_pull_sample (sink));
  try {
    if (sample)
      self->take_picture (sample.get ());
    return GST_FLOW_OK;
  } catch (...) {
    return self->remember_exception ();
  }
}

GstFlowReturn
Decoding::on_speech (GstAppSink *sink, gpointer data)
{
  auto *self = static_cast<Decoding *> (data);
  GstSamplePointer sample (gst_app_sink_pull_sample (sink));
  try {
    if (sample)
      self->take_speech (sample.get ());
    return GST_FLOW_OK;
  } catch (...) {
    return self->remember_exception ();
  }
}

GstClockTime
running_time (GstSample *sample)
{
  return gst_segment_to_running_time (gst_sample_get_segment (sample), GST_FORMAT_TIME,
                                      GST_BUFFER_PTS (gst_sample_get_buffer (sample)));
}

void
Decoding::take_picture (GstSample *sample)
{
  GstVideoInfo video;
  GstVideoFrame frame;
  gst_video_info_from_caps (&video, gst_sample_get_caps (sample));
  if (!gst_video_frame_map (&frame, &video, gst_sample_get_buffer (sample), GST_MAP_READ))
    throw Error (ErrorCode::no_memory, path_, "a picture could not be mapped",
                 "Free some memory and run the command again");
  if (info_.frames == 0)
    first_frame_ = running_time (sample);
  info_.width = GST_VIDEO_FRAME_WIDTH (&frame);
  info_.height = GST_VIDEO_FRAME_HEIGHT (&frame);
  const cv::Mat rgb (info_.height, info_.width, CV_8UC3,
                     GST_VIDEO_FRAME_PLANE_DATA (&frame, 0),
                     GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0));
  ++progress_;
  try {
    on_frame_ (info_.frames++, rgb);
  } catch (...) {
    gst_video_frame_unmap (&frame);
    throw;
  }
  gst_video_frame_unmap (&frame);
}

void
Decoding::take_speech (GstSample *sample)
{
  GstMapInfo map;
  if (!gst_buffer_map (gst_sample_get_buffer (sample), &map, GST_MAP_READ))
    throw Error (ErrorCode::no_memory, path_, "the sound could not be mapped",
                 "Free some memory and run the command again");
  if (samples_.empty ())
    first_sample_ = running_time (sample);
  const auto *begin = reinterpret_cast<const std::int16_t *> (map.data);
  samples_.insert (samples_.end (), begin, begin + map.size / sizeof (std::int16_t));
  gst_buffer_unmap (gst_sample_get_buffer (sample), &map);
  ++progress_;
}

void
Decoding::fail (GstMessage *message) const
{
  const GErrorPointer error = error_of (message);
  const bool codec =
      error->domain == GST_CORE_ERROR ||
      g_error_matches (error.get (), GST_STREAM_ERROR, GST_STREAM_ERROR_CODEC_NOT_FOUND);
  throw Error (
      ErrorCode::unreadable, path_, reason_of (*error),
      codec ? "Install the decoder (gstreamer1.0-libav has most of them), or convert "
              "the file"
            : "Give a video file that `gst-play-1.0` plays");
}

void
Decoding::wait_for_end (GstElement *pipeline)
{
  GstBusPointer bus (gst_element_get_bus (pipeline));
  const auto kinds = static_cast<GstMessageType> (GST_MESSAGE_EOS | GST_MESSAGE_ERROR |
                                                  GST_MESSAGE_APPLICATION);
  std::uint64_t seen = 0;
  for (;;) {
    GstMessagePointer message (
        gst_bus_timed_pop_filtered (bus.get (), longest_wait, kinds));
    {
      std::lock_guard<std::mutex> lock (mutex_);
      if (exception_)
        return;
    }
    if (message && GST_MESSAGE_TYPE (message.get ()) == GST_MESSAGE_ERROR)
      fail (message.get ());
    if (message)
      return;
    if (seen == progress_)
      throw Error (ErrorCode::failed, path_, "nothing was decoded for a minute",
                   "Check the file with `gst-play-1.0`");
    seen = progress_;
  }
}

MediaInfo
Decoding::run (std::vector<std::int16_t> *speech)
{
  GstElementPointer pipeline (
      GST_ELEMENT (gst_object_ref_sink (gst_pipeline_new (nullptr))));
  pipeline_ = pipeline.get ();
  GstElement *source = gst_element_factory_make ("filesrc", nullptr);
  GstElement *decoder = gst_element_factory_make ("decodebin", nullptr);
  if (!source || !decoder) {
    g_clear_object (&source);
    g_clear_object (&decoder);
    throw Error (ErrorCode::not_found, "filesrc, decodebin",
                 "these GStreamer elements are missing",
                 "Install gstreamer1.0-plugins-base");
  }
  g_object_set (source, "location", path_.c_str (), nullptr);
  gst_bin_add_many (GST_BIN (pipeline_), source, decoder, nullptr);
  gst_element_link (source, decoder);
  ignore_clock_jumps (pipeline_);
  g_signal_connect (decoder, "pad-added", G_CALLBACK (on_pad), this);
  g_signal_connect (decoder, "no-more-pads", G_CALLBACK (on_last_pad), this);

  gst_element_set_state (pipeline_, GST_STATE_PLAYING);
  std::exception_ptr failure;
  try {
    wait_for_end (pipeline_);
  } catch (...) {
    failure = std::current_exception ();
  }
  if (videorate_) {
    g_object_get (videorate_, "duplicate", &info_.repeated, "drop", &info_.dropped,
                  nullptr);
  }
  const bool has_video = videorate_ != nullptr;
  gst_element_set_state (pipeline_, GST_STATE_NULL); // joins the threads
  if (exception_)
    std::rethrow_exception (exception_);
  // A sound file ends in "not linked", which would say too little.
  if (!has_video && (info_.has_audio || !failure))
    throw Error (ErrorCode::wrong_model, path_, "it holds no video",
                 "Give footage of a talking person");
  if (failure)
    std::rethrow_exception (failure);

  if (speech) {
    speech->assign (info_.has_audio ? info_.frames * samples_per_frame : 0, 0);
    const GstClockTimeDiff later = GST_CLOCK_DIFF (first_frame_, first_sample_);
    const std::int64_t shift =
        samples_.empty () ? 0 : later * dataset_sample_rate / std::int64_t (GST_SECOND);
    const std::int64_t begin = std::max<std::int64_t> (0, shift);
    const std::int64_t end =
        std::min<std::int64_t> (speech->size (), shift + samples_.size ());
    if (begin < end)
      std::copy (samples_.begin () + (begin - shift), samples_.begin () + (end - shift),
                 speech->begin () + begin);
  }
  return info_;
}

void
on_element (GstBin *, GstBin *, GstElement *element, gpointer)
{
  GstElementFactory *factory = gst_element_get_factory (element);
  if (factory && g_str_equal (GST_OBJECT_NAME (factory), "mpegpsdemux"))
    g_object_set (element, "ignore-scr", TRUE, nullptr);
}

} // namespace

void
ignore_clock_jumps (GstElement *pipeline)
{
  g_signal_connect (pipeline, "deep-element-added", G_CALLBACK (on_element), nullptr);
}

MediaInfo
read_media (const std::string &path, const FrameHandler &on_frame,
            std::vector<std::int16_t> *speech)
{
  std::error_code ignored;
  if (!std::filesystem::exists (path, ignored))
    throw Error (ErrorCode::not_found, path, "there is no such file", "Check the path");
  if (std::filesystem::is_directory (path, ignored))
    throw Error (ErrorCode::unreadable, path, "it is a folder", "Give a video file");
  return Decoding (path, on_frame, speech != nullptr).run (speech);
}

bool
looks_like_media (const std::string &path)
{
  std::ifstream file (path, std::ios::binary);
  std::vector<char> head (1 << 16);
  file.read (head.data (), std::streamsize (head.size ()));
  const std::string extension = std::filesystem::path (path).extension ().string ();
  GstTypeFindProbability probability = GST_TYPE_FIND_NONE;
  GstCaps *caps = gst_type_find_helper_for_data_with_extension (
      nullptr, reinterpret_cast<const guint8 *> (head.data ()), gsize (file.gcount ()),
      extension.empty () ? nullptr : extension.c_str () + 1, &probability);
  if (!caps)
    return false;
  const std::string type = gst_structure_get_name (gst_caps_get_structure (caps, 0));
  gst_caps_unref (caps);
  const auto begins = [&] (const char *prefix) {
    return type.rfind (prefix, 0) == 0;
  };
  return begins ("video/") || begins ("audio/") || begins ("image/") ||
         begins ("application/ogg") || begins ("application/mxf") ||
         begins ("application/vnd.rn-realmedia") || begins ("application/x-id3") ||
         begins ("application/x-apetag");
}

} // namespace daetalker
