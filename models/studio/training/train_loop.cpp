// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/train_loop.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace daetalker {

double
TrainLoop::done () const
{
  return of_minutes > 0 ? std::min (1.0, minutes / of_minutes) : 1;
}

void
TrainLoop::run (const std::function<void ()> &step, const std::function<void ()> &save)
{
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now ();
  const double before = minutes;
  double saved = minutes;
  const auto used = [&] {
    return before + std::chrono::duration<double> (Clock::now () - start).count () / 60;
  };
  while (minutes < of_minutes) {
    step ();
    minutes = used ();
    if (minutes - saved >= checkpoint_minutes && minutes < of_minutes) {
      save ();
      saved = minutes = used (); // saving takes time as well
    }
  }
  save ();
}

double
learning_rate_at (double peak, int64_t step, double done)
{
  const double warm = std::min (1.0, double (step + 1) / 200);
  const double cosine = 0.5 * (1 + std::cos (M_PI * std::clamp (done, 0.0, 1.0)));
  return peak * warm * (0.05 + 0.95 * cosine);
}

} // namespace daetalker
