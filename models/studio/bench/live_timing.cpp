// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/bench/live_timing.h"

#include "models/engine.h"
#include "models/studio/bench/made_speech.h"
#include "models/studio/bench/onset_watch.h"
#include "models/studio/bench/process_usage.h"
#include "models/studio/gst_errors.h"
#include "models/studio/gst_launch.h"

#include <algorithm>
#include <cstdlib>
#include <gst/app/gstappsrc.h>
#include <gst/base/gstbasesink.h>
#include <gst/video/video.h>

namespace daetalker {

namespace {

constexpr std::size_t samples_per_buffer = speech_rate / 100;
constexpr std::size_t silence = 2 * speech_rate, turn = 2 * silence; // samples
constexpr GstClockTime late = 20 * GST_MSECOND;

constexpr const char *description =
    "appsrc name=speech format=time is-live=true min-latency=10000000 "
    "caps=audio/x-raw,format=S16LE,rate=16000,channels=1,layout=interleaved ! "
    "daetalkerbin name=face blink-rate=0 idle-motion=0 ! video/x-raw,format=I420 ! "
    "fakesink name=viewer sync=true qos=true signal-handoffs=true";

GstClockTime
time_of (std::size_t sample)
{
  return gst_util_uint64_scale (sample, GST_SECOND, speech_rate);
}

// `speech` from its first sound on: from a tenth of its loudest sample.
std::vector<std::int16_t>
from_first_sound (const std::vector<std::int16_t> &speech, const std::string &subject)
{
  const auto size = [] (std::int16_t sample) {
    return std::abs (int (sample));
  };
  int loudest = 0;
  for (const std::int16_t sample : speech)
    loudest = std::max (loudest, size (sample));
  if (loudest == 0)
    throw Error (ErrorCode::wrong_model, subject, "its sound is silence",
                 "Give a file with speech");
  const auto first =
      std::find_if (speech.begin (), speech.end (),
                    [&] (std::int16_t sample) { return 10 * size (sample) >= loudest; });
  return {first, speech.end ()};
}

class LivePipeline {
public:
  explicit LivePipeline (const PipelineRequest &request);
  ~LivePipeline () { gst_element_set_state (pipeline_.get (), GST_STATE_NULL); }
  LiveTiming run (const std::function<void (double)> &on_progress);

private:
  static void on_picture (GstElement *, GstBuffer *buffer, GstPad *pad, gpointer self);
  void watch (GstBuffer *buffer, GstPad *pad);
  GstClockTime running_time () const;
  void wait_until (GstClockTime time) const;
  void push (std::size_t first);
  void handle (GstMessage *message) const;
  void handle_messages () const;
  void wait_for_end () const;

  const PipelineRequest &request_;
  const std::vector<std::int16_t> speech_;
  GstElementPointer pipeline_, source_, face_, viewer_;
  GstClockTime start_ = 0; // running time of the first sample
  OnsetWatch onsets_;
  // Of the viewer's thread, which has ended when they are read.
  std::uint64_t frames_ = 0, late_ = 0;
  GstClockTime first_ = GST_CLOCK_TIME_NONE, end_ = 0, duration_ = 0;
};

LivePipeline::LivePipeline (const PipelineRequest &request)
    : request_ (request), speech_ (from_first_sound (request.speech, request.sound)),
      pipeline_ (launch_pipeline (description, "bench pipeline")),
      source_ (element_of (pipeline_, "speech")), face_ (element_of (pipeline_, "face")),
      viewer_ (element_of (pipeline_, "viewer"))
{
  g_object_set (face_.get (), "avatar", request.avatar.c_str (), "steps", request.steps,
                "device", request.device.device.c_str (), "precision",
                request.device.precision.c_str (), "threads", request.device.threads,
                "allow-unconsented", gboolean (request.allow_unconsented), nullptr);
  g_signal_connect (viewer_.get (), "handoff", G_CALLBACK (on_picture), this);
}

void
LivePipeline::on_picture (GstElement *, GstBuffer *buffer, GstPad *pad, gpointer self)
{
  static_cast<LivePipeline *> (self)->watch (buffer, pad);
}

void
LivePipeline::watch (GstBuffer *buffer, GstPad *pad)
{
  const GstClockTime shown = running_time ();
  frames_++;
  const GstClockTime latency = gst_base_sink_get_latency (GST_BASE_SINK (viewer_.get ()));
  late_ += shown > GST_BUFFER_PTS (buffer) + latency + late;
  if (!GST_CLOCK_TIME_IS_VALID (first_))
    first_ = GST_BUFFER_PTS (buffer);
  duration_ = GST_BUFFER_DURATION (buffer);
  end_ = GST_BUFFER_PTS (buffer) + duration_;

  const GstCapsPointer caps (gst_pad_get_current_caps (pad));
  GstVideoInfo info;
  GstVideoFrame picture;
  if (!caps || !gst_video_info_from_caps (&info, caps.get ()) ||
      !gst_video_frame_map (&picture, &info, buffer, GST_MAP_READ))
    return;
  const auto *luma =
      static_cast<const std::uint8_t *> (GST_VIDEO_FRAME_PLANE_DATA (&picture, 0));
  std::vector<std::uint8_t> brightness;
  for (int y = 0; y < info.height; y++) {
    const auto *row = luma + y * GST_VIDEO_FRAME_PLANE_STRIDE (&picture, 0);
    brightness.insert (brightness.end (), row, row + info.width);
  }
  gst_video_frame_unmap (&picture);
  onsets_.show (std::move (brightness), GST_BUFFER_PTS (buffer), shown);
}

GstClockTime
LivePipeline::running_time () const
{
  GstClock *clock = gst_element_get_clock (pipeline_.get ());
  if (clock == nullptr)
    return 0;
  const GstClockTime now = gst_clock_get_time (clock);
  gst_object_unref (clock);
  return now - gst_element_get_base_time (pipeline_.get ());
}

void
LivePipeline::wait_until (GstClockTime time) const
{
  GstClock *clock = gst_element_get_clock (pipeline_.get ());
  const GstClockID id = gst_clock_new_single_shot_id (
      clock, gst_element_get_base_time (pipeline_.get ()) + time);
  gst_clock_id_wait (id, nullptr);
  gst_clock_id_unref (id);
  gst_object_unref (clock);
}

// The buffer that begins with the stream's sample `first`, at the moment at which a
// microphone has heard its last one.
void
LivePipeline::push (std::size_t first)
{
  std::vector<std::int16_t> samples (samples_per_buffer, 0);
  const std::size_t in_turn = first % turn;
  if (in_turn >= silence)
    for (std::size_t i = 0; i < samples.size (); i++)
      samples[i] = speech_[(in_turn - silence + i) % speech_.size ()];
  GstBuffer *buffer =
      gst_buffer_new_memdup (samples.data (), samples.size () * sizeof (samples[0]));
  GST_BUFFER_PTS (buffer) = start_ + time_of (first);
  GST_BUFFER_DURATION (buffer) = time_of (samples.size ());
  wait_until (start_ + time_of (first + samples.size ()));
  if (in_turn == silence)
    onsets_.hear (start_ + time_of (first));
  gst_app_src_push_buffer (GST_APP_SRC (source_.get ()), buffer);
}

// What an application does.
void
LivePipeline::handle (GstMessage *message) const
{
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_LATENCY)
    gst_bin_recalculate_latency (GST_BIN (pipeline_.get ()));
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    throw Error (ErrorCode::failed, request_.avatar, reason_of (*error_of (message)),
                 "`daetalker info` says what works here");
}

void
LivePipeline::handle_messages () const
{
  const GstBusPointer bus (gst_element_get_bus (pipeline_.get ()));
  while (const GstMessagePointer message{gst_bus_pop (bus.get ())})
    handle (message.get ());
}

void
LivePipeline::wait_for_end () const
{
  const GstBusPointer bus (gst_element_get_bus (pipeline_.get ()));
  const GstMessagePointer message (gst_bus_timed_pop_filtered (
      bus.get (), 60 * GST_SECOND, GstMessageType (GST_MESSAGE_ERROR | GST_MESSAGE_EOS)));
  if (!message)
    throw Error (ErrorCode::failed, request_.avatar, "the pipeline stands still",
                 "Run it again with GST_DEBUG=3 and look at what is said last");
  handle (message.get ());
}

LiveTiming
LivePipeline::run (const std::function<void (double)> &on_progress)
{
  gst_element_set_state (pipeline_.get (), GST_STATE_PLAYING);
  handle_messages ();
  start_ = running_time ();
  LiveTiming timing;
  const double cpu_before = process_cpu_seconds ();
  for (std::size_t first = 0; first < request_.samples; first += samples_per_buffer) {
    push (first);
    handle_messages ();
    on_progress (double (first) / speech_rate);
  }
  timing.cpu_seconds = process_cpu_seconds () - cpu_before;
  timing.seconds = double (running_time () - start_) / GST_SECOND;
  guint64 latency = 0;
  g_object_get (face_.get (), "latency", &latency, nullptr);
  timing.latency_ms = double (latency) / GST_MSECOND;
  gst_app_src_end_of_stream (GST_APP_SRC (source_.get ()));
  wait_for_end ();
  gst_element_set_state (pipeline_.get (), GST_STATE_NULL); // joins the threads
  timing.frames = frames_;
  timing.late = late_;
  if (frames_ > 0)
    timing.missing = gst_util_uint64_scale_round (end_ - first_, 1, duration_) - frames_;
  timing.onset_ms = onsets_.delays_ms ();
  timing.unseen = onsets_.unseen ();
  return timing;
}

} // namespace

LiveTiming
time_live (const PipelineRequest &request,
           const std::function<void (double)> &on_progress)
{
  return LivePipeline (request).run (on_progress);
}

} // namespace daetalker
