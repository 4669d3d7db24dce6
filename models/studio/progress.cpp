// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/progress.h"

#include <cmath>
#include <cstdio>
#include <unistd.h>

namespace daetalker {

std::string
format_duration (double seconds)
{
  const long all = std::lround (seconds);
  char text[32];
  if (all >= 3600)
    std::snprintf (text, sizeof text, "%ld:%02ld:%02ld", all / 3600, all / 60 % 60,
                   all % 60);
  else
    std::snprintf (text, sizeof text, "%ld:%02ld", all / 60, all % 60);
  return text;
}

Progress::Progress (const std::string &what, std::size_t total)
    : what_ (what), total_ (total), terminal_ (isatty (STDERR_FILENO))
{
}

Progress::~Progress ()
{
  if (done_ == 0 && note_.empty ())
    return;
  print ();
  if (terminal_)
    std::fputc ('\n', stderr);
}

void
Progress::add (std::size_t done)
{
  std::lock_guard<std::mutex> lock (mutex_);
  done_ += done;
  note_.clear ();
  print_now_and_then ();
}

void
Progress::note (const std::string &text)
{
  std::lock_guard<std::mutex> lock (mutex_);
  note_ = text;
  print_now_and_then ();
}

void
Progress::print_now_and_then ()
{
  const auto now = Clock::now ();
  const auto interval =
      terminal_ ? std::chrono::milliseconds (200) : std::chrono::seconds (10);
  if (now - printed_ < interval)
    return;
  printed_ = now;
  print ();
}

void
Progress::print ()
{
  const double elapsed = std::chrono::duration<double> (Clock::now () - start_).count ();
  std::string text = what_ + " " + std::to_string (done_) + "/" + std::to_string (total_);
  if (done_ >= total_)
    text += ", took " + format_duration (elapsed);
  else if (done_ > 0)
    text += ", " + format_duration (elapsed * (total_ - done_) / done_) + " left";
  if (!note_.empty ())
    text += ", " + note_;
  std::fprintf (stderr, "%s%s%s", terminal_ ? "\r" : "", text.c_str (),
                terminal_ ? "\033[K" : "\n");
}

} // namespace daetalker
