// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How far a long command is, on stderr: a line that rewrites itself on a
// terminal, a line every ten seconds elsewhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>

namespace daetalker {

// Safe to use from several threads.
class Progress {
public:
  Progress (const std::string &what, std::size_t total);
  ~Progress (); // ends the line

  void add (std::size_t done = 1);

  // How far the job at hand is, in words; shown behind the count.
  void note (const std::string &text);

private:
  void print_now_and_then ();
  void print ();

  using Clock = std::chrono::steady_clock;
  std::string what_;
  std::size_t total_;
  std::size_t done_ = 0;
  std::string note_;
  bool terminal_;
  Clock::time_point start_ = Clock::now ();
  Clock::time_point printed_ = start_;
  std::mutex mutex_;
};

// "1:02:03" or "2:03".
std::string format_duration (double seconds);

} // namespace daetalker
