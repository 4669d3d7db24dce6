// SPDX-License-Identifier: LGPL-2.1-or-later
#include "idlemotion.h"

#include <algorithm>
#include <cmath>

using daetalker::AvatarInfo;
using daetalker::Pose;

void
IdleMotion::restart (unsigned seed)
{
  random_.seed (seed);
  std::uniform_real_distribution<double> turn;
  for (double &start : start_)
    start = turn (random_);
  per_minute_ = 0;
  pause_ = phase_ = swayed_ = 0;
}

void
IdleMotion::blink (const AvatarInfo &info, double per_minute, std::vector<float> &latent)
{
  const auto &course = info.idle.blink;
  if (per_minute < 0)
    per_minute = info.idle.blinks_per_minute;
  if (phase_ == 0) {
    if (per_minute <= 0 || course.empty ()) {
      per_minute_ = 0;
      return;
    }
    if (per_minute != per_minute_) {
      // Pauses between blinks are spread about as an exponential distribution is.
      const double mean = 60.0 * info.fps.num / info.fps.den / per_minute;
      std::exponential_distribution<double> pause (
          1 / std::max (mean - (double)course.size (), 1.0));
      pause_ = (std::uint64_t)pause (random_);
      per_minute_ = per_minute;
    }
    if (pause_ > 0) {
      pause_--;
      return;
    }
  }
  // An avatar that took over in a blink may have a shorter one.
  if (phase_ < course.size ()) {
    const std::vector<float> &change = course[phase_++];
    for (std::size_t i = 0; i < latent.size () && i < change.size (); i++)
      latent[i] += change[i];
  }
  if (phase_ >= course.size ()) {
    phase_ = 0;
    per_minute_ = 0; // another pause is to be drawn
  }
}

Pose
IdleMotion::sway (const AvatarInfo &info, float scale)
{
  // Seconds; no two have a common multiple, so the motion does not repeat itself.
  static constexpr double periods[waves] = {3.1, 5.3, 8.9};
  const double time = (double)swayed_++ * info.fps.den / info.fps.num;
  Pose pose{};
  for (std::size_t axis = 0; axis < pose.size (); axis++) {
    double sum = 0;
    for (std::size_t wave = 0; wave < waves; wave++)
      sum += std::sin (2 * M_PI *
                       (time / (periods[wave] * (1 + 0.1 * (double)axis)) +
                        start_[axis * waves + wave]));
    // Three sines have the variance 3/2.
    pose[axis] = scale * info.idle.sway[axis] * (float)(sum / std::sqrt (waves / 2.0));
  }
  return pose;
}
