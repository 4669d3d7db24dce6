// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How a face keeps time: daetalkerbin, fed as a microphone feeds it, before a viewer.
#pragma once

#include "models/studio/bench/pipeline_timing.h"

namespace daetalker {

struct LiveTiming {
  std::uint64_t frames = 0;  // shown
  std::uint64_t late = 0;    // of them, by more than 20 ms
  std::uint64_t missing = 0; // from the grid between the first and the last
  double seconds = 0;        // from the first sound to the last
  double cpu_seconds = 0;    // meanwhile, of all threads
  double latency_ms = 0;     // as daetalkerbin answers
  // From the moment at which the first sound after a pause is heard to that at which the
  // first changed picture is shown, one for each pause; sorted.
  std::vector<double> onset_ms;
  int unseen = 0; // onsets after which no picture changed within a second
};

// Turns of two seconds of silence and two of the request's speech, from its first sound,
// in buffers of 10 ms, in real time; the request's samples in all.  The face neither
// blinks nor sways.
//
// A picture has changed if its mean brightness differs, point by point, from the last one
// before the sound by twice as much as any of the half second before that did, and by a
// quarter of a grey level at least.
//
// Throws Error as time_pipeline does; wrong_model if the speech is silent.
LiveTiming time_live (const PipelineRequest &request,
                      const std::function<void (double seconds)> &on_progress);

} // namespace daetalker
