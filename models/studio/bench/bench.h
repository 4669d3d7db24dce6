// SPDX-License-Identifier: LGPL-2.1-or-later
//
// `daetalker bench`: how fast this machine is.  docs/benchmarks.md says what each
// figure is.
#pragma once

#include "models/engine.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace daetalker {

struct BenchOptions {
  std::string avatar;  // folder or name; empty: the one that ships
  std::string audio;   // any container that GStreamer decodes; empty: made_speech()
  double seconds = 10; // of speech; a shorter file is repeated
  DeviceOptions device;
  int steps = 1; // DDIM evaluations
  bool allow_unconsented = false;
  bool ffhq256 = false;     // the published UNet's shape too
  bool peak = false;        // the renderer beside the fastest convolution
  double live_seconds = 0;  // to play in real time as well
  std::vector<int> streams; // numbers of streams at once to try as well, ascending
  std::string json;         // file for the figures, or empty
};

// Returns the figures, and writes them to `json`: {"software": {..}, "machine": {..},
// "settings": {..}, "pipeline": {..}} and, where asked for, "live", "streams": [..],
// "ffhq256" and "peak".
//
// Throws Error: not_found (avatar, sound, an element), unreadable (not sound; a file
// that cannot be written, before anything is measured), wrong_model (no samples),
// failed (whatever an element reports).
nlohmann::json run_bench (const BenchOptions &options);

// The figures of run_bench as a page of text.
std::string bench_table (const nlohmann::json &figures);

} // namespace daetalker
