// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/bench/pipeline_timing.h"

#include "models/engine.h"
#include "models/studio/bench/made_speech.h"
#include "models/studio/bench/process_usage.h"
#include "models/studio/gst_errors.h"
#include "models/studio/gst_launch.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <gst/app/gstappsrc.h>
#include <memory>

namespace daetalker {

namespace {

constexpr GstClockTime poll_interval = 200 * GST_MSECOND;
constexpr int stall_limit = 3000; // intervals: a slow machine loads an avatar for minutes
constexpr std::size_t samples_per_buffer = 2048; // as wavparse gives them

constexpr const char *description =
    "appsrc name=speech format=time "
    "caps=audio/x-raw,format=S16LE,rate=16000,channels=1,layout=interleaved ! "
    "daetalkerbin name=face still-threshold=0 ! fakesink name=pictures sync=false";

using Clock = std::chrono::steady_clock;

double
seconds_between (Clock::time_point begin, Clock::time_point end)
{
  return std::chrono::duration<double> (end - begin).count ();
}

class TimedPipeline {
public:
  explicit TimedPipeline (const PipelineRequest &request);
  ~TimedPipeline () { gst_element_set_state (pipeline_.get (), GST_STATE_NULL); }
  PipelineTiming run (const std::function<void (double)> &on_progress);

private:
  static void on_need_data (GstAppSrc *source, guint, gpointer self);
  static GstPadProbeReturn on_picture (GstPad *, GstPadProbeInfo *info, gpointer self);

  [[noreturn]] void fail (const std::string &reason) const;
  void feed (GstAppSrc *source);
  void wait_for_end (const std::function<void (double)> &on_progress);
  void read_stats (PipelineTiming &timing) const;

  const PipelineRequest &request_;
  GstElementPointer pipeline_;
  GstElementPointer face_;
  // Written by the streaming threads, which have ended when they are read.
  std::size_t fed_ = 0; // samples
  Clock::time_point first_speech_, first_picture_;
  double cpu_before_ = 0;
  std::uint64_t frames_ = 0;
  std::atomic<GstClockTime> position_{0}; // end of the last picture
};

TimedPipeline::TimedPipeline (const PipelineRequest &request)
    : request_ (request), pipeline_ (launch_pipeline (description, "bench pipeline"))
{
  face_ = element_of (pipeline_, "face");
  g_object_set (face_.get (), "avatar", request.avatar.c_str (), "steps", request.steps,
                "device", request.device.device.c_str (), "precision",
                request.device.precision.c_str (), "threads", request.device.threads,
                "allow-unconsented", gboolean (request.allow_unconsented), nullptr);
  GstAppSrcCallbacks callbacks = {};
  callbacks.need_data = on_need_data;
  gst_app_src_set_callbacks (GST_APP_SRC (element_of (pipeline_, "speech").get ()),
                             &callbacks, this, nullptr);
  const GstPadPointer pad (
      gst_element_get_static_pad (element_of (pipeline_, "pictures").get (), "sink"));
  gst_pad_add_probe (pad.get (), GST_PAD_PROBE_TYPE_BUFFER, on_picture, this, nullptr);
}

void
TimedPipeline::fail (const std::string &reason) const
{
  throw Error (ErrorCode::failed, request_.avatar, reason,
               "`daetalker info` says what works here");
}

void
TimedPipeline::on_need_data (GstAppSrc *source, guint, gpointer self)
{
  static_cast<TimedPipeline *> (self)->feed (source);
}

void
TimedPipeline::feed (GstAppSrc *source)
{
  if (fed_ == 0) {
    cpu_before_ = process_cpu_seconds ();
    first_speech_ = Clock::now ();
  }
  const std::size_t count = std::min (samples_per_buffer, request_.samples - fed_);
  if (count == 0) {
    gst_app_src_end_of_stream (source);
    return;
  }
  std::vector<std::int16_t> samples (count);
  for (std::size_t i = 0; i < count; i++)
    samples[i] = request_.speech[(fed_ + i) % request_.speech.size ()];
  GstBuffer *buffer =
      gst_buffer_new_memdup (samples.data (), count * sizeof (samples[0]));
  const auto time_of = [] (std::size_t sample) {
    return gst_util_uint64_scale (sample, GST_SECOND, speech_rate);
  };
  GST_BUFFER_PTS (buffer) = time_of (fed_);
  GST_BUFFER_DURATION (buffer) = time_of (fed_ + count) - time_of (fed_);
  fed_ += count;
  gst_app_src_push_buffer (source, buffer);
}

GstPadProbeReturn
TimedPipeline::on_picture (GstPad *, GstPadProbeInfo *info, gpointer data)
{
  auto *self = static_cast<TimedPipeline *> (data);
  if (self->frames_++ == 0)
    self->first_picture_ = Clock::now ();
  const GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  self->position_ = GST_BUFFER_PTS (buffer) + GST_BUFFER_DURATION (buffer);
  return GST_PAD_PROBE_OK;
}

void
TimedPipeline::wait_for_end (const std::function<void (double)> &on_progress)
{
  const GstBusPointer bus (gst_element_get_bus (pipeline_.get ()));
  const auto kinds = static_cast<GstMessageType> (GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  GstClockTime seen = 0;
  for (int stalled = 0; stalled < stall_limit; stalled++) {
    const GstMessagePointer message (
        gst_bus_timed_pop_filtered (bus.get (), poll_interval, kinds));
    if (message && GST_MESSAGE_TYPE (message.get ()) == GST_MESSAGE_ERROR)
      fail (reason_of (*error_of (message.get ())));
    if (message)
      return;
    if (position_ > seen) {
      seen = position_;
      stalled = 0;
      on_progress (double (seen) / GST_SECOND);
    }
  }
  fail ("the pipeline stands still");
}

Percentiles
percentiles_of (const GstStructure *stats, double frames)
{
  Percentiles result;
  gst_structure_get (stats, "p50-ms", G_TYPE_DOUBLE, &result.p50, "p95-ms", G_TYPE_DOUBLE,
                     &result.p95, "p99-ms", G_TYPE_DOUBLE, &result.p99, nullptr);
  return {result.p50 * frames, result.p95 * frames, result.p99 * frames};
}

void
TimedPipeline::read_stats (PipelineTiming &timing) const
{
  GstStructure *all = nullptr;
  g_object_get (face_.get (), "stats", &all, nullptr);
  const auto stats_of = [all] (const char *part) {
    return gst_value_get_structure (gst_structure_get_value (all, part));
  };
  const GstStructure *features = stats_of ("speechfeatures");
  gst_structure_get_int (features, "chunk-frames", &timing.chunk_frames);
  guint64 in_chunk = guint64 (timing.chunk_frames);
  if (in_chunk == 0)
    gst_structure_get_uint64 (features, "frames", &in_chunk);
  timing.features = percentiles_of (features, double (in_chunk));
  timing.latents = percentiles_of (stats_of ("speech2latent"), 1);
  timing.render = percentiles_of (stats_of ("daerender"), 1);
  timing.device = gst_structure_get_string (all, "device");
  timing.precision = gst_structure_get_string (all, "precision");
  gst_structure_free (all);
}

PipelineTiming
TimedPipeline::run (const std::function<void (double)> &on_progress)
{
  const Clock::time_point start = Clock::now ();
  gst_element_set_state (pipeline_.get (), GST_STATE_PLAYING);
  wait_for_end (on_progress);
  const Clock::time_point end = Clock::now ();
  PipelineTiming timing;
  timing.cpu_seconds = process_cpu_seconds () - cpu_before_;
  timing.peak_memory_mib = process_peak_memory_mib ();
  read_stats (timing);
  gst_element_set_state (pipeline_.get (), GST_STATE_NULL); // joins the threads
  if (frames_ == 0)
    fail ("no picture came out");
  timing.frames = frames_;
  timing.load_seconds = seconds_between (start, first_speech_);
  timing.wall_seconds = seconds_between (first_speech_, end);
  timing.first_frame_ms = 1000 * seconds_between (first_speech_, first_picture_);
  return timing;
}

} // namespace

StreamsTiming
time_streams (const PipelineRequest &request, int streams)
{
  std::vector<std::unique_ptr<TimedPipeline>> pipelines;
  for (int i = 0; i < streams; i++)
    pipelines.push_back (std::make_unique<TimedPipeline> (request));
  std::vector<std::future<PipelineTiming>> runs;
  for (const auto &pipeline : pipelines)
    runs.push_back (std::async (std::launch::async,
                                [&pipeline] { return pipeline->run ([] (double) {}); }));
  StreamsTiming timing;
  timing.streams = streams;
  for (auto &run : runs) {
    const PipelineTiming one = run.get ();
    timing.frames += one.frames;
    timing.wall_seconds = std::max (timing.wall_seconds, one.wall_seconds);
    timing.peak_memory_mib = std::max (timing.peak_memory_mib, one.peak_memory_mib);
  }
  return timing;
}

PipelineTiming
time_pipeline (const PipelineRequest &request,
               const std::function<void (double)> &on_progress)
{
  return TimedPipeline (request).run (on_progress);
}

} // namespace daetalker
