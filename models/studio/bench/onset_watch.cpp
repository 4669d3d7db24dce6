// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/bench/onset_watch.h"

#include <algorithm>
#include <cstdlib>

namespace daetalker {

namespace {

constexpr std::uint64_t millisecond = 1'000'000;
// Pictures that stand for a moment so long before the sound may have heard it.
constexpr std::uint64_t look_ahead = 100 * millisecond;
constexpr std::uint64_t memory = 500 * millisecond, patience = 1000 * millisecond;
constexpr double least_change = 0.25; // grey levels

double
difference (const std::vector<std::uint8_t> &a, const std::vector<std::uint8_t> &b)
{
  double sum = 0;
  for (std::size_t i = 0; i < a.size (); i++)
    sum += std::abs (int (a[i]) - int (b[i]));
  return sum / double (std::max<std::size_t> (1, a.size ()));
}

} // namespace

void
OnsetWatch::hear (std::uint64_t time)
{
  const std::lock_guard lock (mutex_);
  heard_.push_back (time);
}

void
OnsetWatch::show (std::vector<std::uint8_t> brightness, std::uint64_t time,
                  std::uint64_t shown)
{
  const std::lock_guard lock (mutex_);
  Picture picture{time, shown, std::move (brightness)};
  if (heard_.empty () || time + look_ahead <= heard_.front ()) {
    before_.push_back (std::move (picture));
    while (before_.front ().time + memory < time)
      before_.pop_front ();
    return;
  }
  const bool changed = has_changed (picture);
  if (changed)
    delays_.push_back (double (shown - heard_.front ()) / millisecond);
  else if (time < heard_.front () + patience)
    return;
  else
    unseen_++;
  heard_.pop_front ();
  before_.clear ();
}

// As time_live() says.
bool
OnsetWatch::has_changed (const Picture &picture) const
{
  if (before_.empty ())
    return false;
  const std::vector<std::uint8_t> &last = before_.back ().brightness;
  double most = 0;
  for (const Picture &earlier : before_)
    most = std::max (most, difference (earlier.brightness, last));
  return difference (picture.brightness, last) > std::max (2 * most, least_change);
}

std::vector<double>
OnsetWatch::delays_ms () const
{
  const std::lock_guard lock (mutex_);
  std::vector<double> sorted = delays_;
  std::sort (sorted.begin (), sorted.end ());
  return sorted;
}

} // namespace daetalker
