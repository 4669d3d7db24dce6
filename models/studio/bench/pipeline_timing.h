// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How fast speech becomes a face: daetalkerbin, fed as fast as it takes.
#pragma once

#include "models/engine.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace daetalker {

struct PipelineRequest {
  std::string avatar;               // the bundle's folder
  std::string sound;                // what errors call the speech
  std::vector<std::int16_t> speech; // 16 kHz, mono; not empty
  std::size_t samples = 0;          // to play: of `speech`, repeated if need be
  int steps = 1;
  DeviceOptions device;
  bool allow_unconsented = false;
};

// Milliseconds that so many of the last 250 frames did not exceed.
struct Percentiles {
  double p50 = 0, p95 = 0, p99 = 0;
};

struct PipelineTiming {
  std::uint64_t frames = 0;  // pictures that came out
  double load_seconds = 0;   // until speech is wanted: engine, avatar, a first evaluation
  double wall_seconds = 0;   // from the first speech to the end of the stream
  double first_frame_ms = 0; // from the first speech to the first picture
  double cpu_seconds = 0;    // meanwhile, of all threads
  double peak_memory_mib = 0; // resident, of the process, until the end of the stream
  int chunk_frames = 0;       // feature frames in a chunk; 0: all
  Percentiles features;       // per chunk
  Percentiles latents;        // per frame
  Percentiles render;         // per frame
  std::string device, precision;
};

// `on_progress` is called with the seconds of video made so far, now and then.
//
// Throws Error: not_found (an element), failed (whatever an element reports, with
// its reason and remedy).
PipelineTiming time_pipeline (const PipelineRequest &request,
                              const std::function<void (double seconds)> &on_progress);

// Several streams of one avatar at once, each of the whole request.
struct StreamsTiming {
  int streams = 0;
  std::uint64_t frames = 0;   // of all
  double wall_seconds = 0;    // of the slowest
  double peak_memory_mib = 0; // resident, of the process, so far
};

// Throws as time_pipeline.
StreamsTiming time_streams (const PipelineRequest &request, int streams);

} // namespace daetalker
