// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What all stages of training share: the clock that survives a restart, and the
// course of the learning rate.
#pragma once

#include <cstdint>
#include <functional>

namespace daetalker {

struct TrainLoop {
  double minutes = 0;            // used so far, over all resumed runs
  double of_minutes = 0;         // to be used
  double checkpoint_minutes = 3; // between two calls of `save`

  // The share of the minutes that is used up, at most 1.
  double done () const;

  // Calls `step` until the minutes are used up; `save` now and then and at the end.
  void run (const std::function<void ()> &step, const std::function<void ()> &save);
};

// Rises over 200 steps, falls to a twentieth along a cosine as `done` goes to 1.
double learning_rate_at (double peak, int64_t step, double done);

} // namespace daetalker
