// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a face does though nothing asks it to: it blinks, and the head never stands
// quite still.  Both go on through speech and pauses alike, so nothing jumps where
// speech begins or ends.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "models/engine.h"

class IdleMotion {
public:
  // From here on the same seed gives the same motion.
  void restart (unsigned seed);

  // To be called for each native frame once, in order.  Adds the part of a blink that
  // is due, at `per_minute` blinks on average (negative: the person's own rate; 0: the
  // eyes stay open), never two at once.
  void blink (const daetalker::AvatarInfo &info, double per_minute,
              std::vector<float> &latent);

  // Likewise: the head's sway about where it is, in degrees, `scale` times the person's.
  daetalker::Pose sway (const daetalker::AvatarInfo &info, float scale);

private:
  static constexpr std::size_t waves = 3; // of each axis

  std::minstd_rand random_;
  double per_minute_ = 0;         // that the pause was drawn for
  std::uint64_t pause_ = 0;       // frames before the next blink
  std::size_t phase_ = 0;         // frames of the blink that are done; 0: none is due
  std::uint64_t swayed_ = 0;      // frames
  double start_[3 * waves] = {};  // turns at the first frame
};
