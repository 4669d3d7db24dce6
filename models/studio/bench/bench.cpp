// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/bench/bench.h"

#include "models/engine.h"
#include "models/io/files.h"
#include "models/studio/avatar_search.h"
#include "models/studio/bench/build_commit.h"
#include "models/studio/bench/live_timing.h"
#include "models/studio/bench/made_speech.h"
#include "models/studio/bench/network_timing.h"
#include "models/studio/bench/pipeline_timing.h"
#include "models/studio/cpu.h"
#include "models/studio/progress.h"
#include "models/studio/sound.h"
#include "models/studio/torch_version.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace daetalker {

namespace {

using nlohmann::json;

// Before minutes are spent on what could not be written.
void
check_output (const std::string &path)
{
  if (std::filesystem::is_directory (path))
    throw Error (ErrorCode::unreadable, path, "it is a folder",
                 "Name a file for the figures");
  const AtomicFile writable (path);
}

PipelineRequest
request_of (const BenchOptions &options)
{
  PipelineRequest request;
  request.avatar = require_avatar (options.avatar);
  request.sound = options.audio.empty () ? "made speech" : options.audio;
  request.speech = options.audio.empty () ? made_speech () : read_sound (options.audio);
  if (request.speech.empty ())
    throw Error (ErrorCode::wrong_model, options.audio, "its sound has no samples",
                 "Give a file with speech");
  request.samples = std::size_t (std::llround (options.seconds * speech_rate));
  request.steps = options.steps;
  request.device = options.device;
  request.allow_unconsented = options.allow_unconsented;
  return request;
}

json
json_of (const Percentiles &stage)
{
  return {{"p50_ms", stage.p50}, {"p95_ms", stage.p95}, {"p99_ms", stage.p99}};
}

json
json_of (const EvaluationTime &time)
{
  return {{"gflop", time.gflop},
          {"ms", time.ms},
          {"rounds", time.rounds},
          {"gflop_per_s", time.gflop_per_s ()}};
}

class SecondsProgress {
public:
  SecondsProgress (const std::string &what, double seconds)
      : all_ (std::size_t (std::ceil (seconds))), progress_ (what, all_)
  {
  }

  void reach (double seconds)
  {
    const std::size_t now = std::min (all_, std::size_t (std::ceil (seconds)));
    progress_.add (now - reached_);
    reached_ = now;
  }

private:
  const std::size_t all_;
  Progress progress_;
  std::size_t reached_ = 0;
};

json
bench_pipeline (const PipelineRequest &request)
{
  const double seconds = double (request.samples) / speech_rate;
  SecondsProgress progress ("speech to face, s", seconds);
  const PipelineTiming timing =
      time_pipeline (request, [&] (double made) { progress.reach (made); });
  progress.reach (seconds);
  const double frames = double (timing.frames);
  return {{"seconds", seconds},
          {"frames", timing.frames},
          {"frames_per_second", frames / timing.wall_seconds},
          {"real_time_factor", timing.wall_seconds / seconds},
          {"first_frame_ms", timing.first_frame_ms},
          {"load_seconds", timing.load_seconds},
          {"wall_seconds", timing.wall_seconds},
          {"cpu_ms_per_frame", 1e3 * timing.cpu_seconds / frames},
          {"peak_memory_mib", timing.peak_memory_mib},
          {"device", timing.device},
          {"precision", timing.precision},
          {"chunk_frames", timing.chunk_frames},
          {"features", json_of (timing.features)},
          {"latents", json_of (timing.latents)},
          {"render", json_of (timing.render)}};
}

json
bench_live (PipelineRequest request, double seconds)
{
  request.samples = std::size_t (std::llround (seconds * speech_rate));
  SecondsProgress progress ("live, s", seconds);
  const LiveTiming timing =
      time_live (request, [&] (double played) { progress.reach (played); });
  progress.reach (seconds);
  json figures = {{"seconds", timing.seconds},
                  {"frames", timing.frames},
                  {"late", timing.late},
                  {"missing", timing.missing},
                  {"cores", timing.cpu_seconds / timing.seconds},
                  {"latency_ms", timing.latency_ms},
                  {"onsets", timing.onset_ms.size ()},
                  {"onsets_unseen", timing.unseen}};
  if (!timing.onset_ms.empty ()) {
    figures["onset_p50_ms"] = timing.onset_ms[timing.onset_ms.size () / 2];
    figures["onset_most_ms"] = timing.onset_ms.back ();
  }
  return figures;
}

json
bench_streams (const PipelineRequest &request, const std::vector<int> &numbers)
{
  json figures = json::array ();
  Progress progress ("streams", numbers.size ());
  for (const int streams : numbers) {
    const StreamsTiming timing = time_streams (request, streams);
    figures.push_back (
        {{"streams", streams},
         {"frames_per_second", double (timing.frames) / timing.wall_seconds},
         {"frames_per_second_each",
          double (timing.frames) / timing.wall_seconds / streams},
         {"peak_memory_mib", timing.peak_memory_mib}});
    progress.add (1);
  }
  return figures;
}

json
bench_ffhq256 (const BenchOptions &options)
{
  const UNetConfig shape = ffhq256_autoencoder ().unet;
  json figures = json::object ();
  for (const std::string &precision : precisions_to_time (options.device)) {
    DeviceOptions device = options.device;
    device.precision = precision;
    figures[precision] = json_of (time_unet (shape, device));
  }
  return figures;
}

json
bench_peak (const PipelineRequest &request)
{
  const EvaluationTime renderer = time_renderer (
      request.avatar, request.steps, request.device, request.allow_unconsented);
  const ConvolutionPeak peak = find_convolution_peak (request.device);
  json convolution = json_of (peak.time);
  convolution["shape"] = peak.shape;
  return {{"precision", chosen_precision (request.device)},
          {"renderer", json_of (renderer)},
          {"convolution", convolution},
          {"share", renderer.gflop_per_s () / peak.time.gflop_per_s ()}};
}

} // namespace

json
run_bench (const BenchOptions &options)
{
  if (!options.json.empty ())
    check_output (options.json);
  const PipelineRequest request = request_of (options);
  const Cpu cpu = read_cpu ();
  json figures = {
      {"software",
       {{"daetalker", DAETALKER_VERSION},
        {"commit", build_commit ()},
        {"libtorch", torch_version ()},
        {"onednn", onednn_version ()}}},
      {"machine", {{"cpu", cpu.model}, {"cores", cpu.cores}, {"features", cpu.features}}},
      {"settings",
       {{"avatar", request.avatar},
        {"audio", options.audio},
        {"steps", options.steps},
        {"threads", network_threads (options.device.threads)}}}};
  // First: the process's memory is the pipeline's alone until then.
  figures["pipeline"] = bench_pipeline (request);
  if (options.live_seconds > 0)
    figures["live"] = bench_live (request, options.live_seconds);
  if (!options.streams.empty ())
    figures["streams"] = bench_streams (request, options.streams);
  if (options.ffhq256)
    figures["ffhq256"] = bench_ffhq256 (options);
  if (options.peak)
    figures["peak"] = bench_peak (request);
  if (!options.json.empty ())
    replace_file (options.json,
                  figures.dump (1, ' ', false, json::error_handler_t::replace) + "\n");
  return figures;
}

} // namespace daetalker
