// SPDX-License-Identifier: LGPL-2.1-or-later
//
// When a viewer sees that somebody began to speak.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

namespace daetalker {

// Times in nanoseconds on one clock.  Both streams in order, each from a thread of its
// own.
class OnsetWatch {
public:
  // The first sound after a pause of a second at least is heard.
  void hear (std::uint64_t time);

  // A picture whose points are so bright stands for what is heard at `time`, and is shown
  // at `shown`.  All of one size.
  void show (std::vector<std::uint8_t> brightness, std::uint64_t time,
             std::uint64_t shown);

  // Of each onset, from its sound to its first changed picture, in milliseconds; sorted.
  std::vector<double> delays_ms () const;

  // Onsets after which no picture changed within a second.
  int unseen () const { return unseen_; }

private:
  struct Picture {
    std::uint64_t time, shown;
    std::vector<std::uint8_t> brightness;
  };

  bool has_changed (const Picture &picture) const;

  mutable std::mutex mutex_;
  std::deque<std::uint64_t> heard_; // onsets not seen yet
  std::deque<Picture> before_;      // the onset, of the last half second
  std::vector<double> delays_;
  int unseen_ = 0;
};

} // namespace daetalker
