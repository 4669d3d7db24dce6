// SPDX-License-Identifier: LGPL-2.1-or-later
#include "stepchoice.h"

#include <algorithm>

void
StepChoice::start (const std::vector<int> &allowed, int steps, GstClockTime spent)
{
  allowed_ = allowed;
  steps_ = allowed_.front ();
  each_ = {spent / (guint64)MAX (steps, 1)};
  since_change_ = 0;
  late_ = 0;
  choose (each_.front ());
}

void
StepChoice::set_period (GstClockTime period)
{
  period_ = period;
  if (!each_.empty ())
    choose (per_evaluation (window));
}

GstClockTime
StepChoice::expected () const
{
  return each_.empty () ? 0 : per_evaluation (window) * (guint64)steps_;
}

void
StepChoice::add (GstClockTime spent)
{
  each_.push_back (spent / (guint64)steps_);
  if (each_.size () > window)
    each_.pop_front ();
  since_change_++;
  late_ = spent > period_ ? late_ + 1 : 0;
  if (late_ >= patience)
    choose (per_evaluation (patience));
  else if (since_change_ >= window)
    choose (per_evaluation (window));
}

// What nine of ten of the last frames did not exceed.
GstClockTime
StepChoice::per_evaluation (gsize of_last) const
{
  std::vector<GstClockTime> times (
      each_.end () - (std::ptrdiff_t)std::min (of_last, each_.size ()), each_.end ());
  const auto nth = times.begin () + (std::ptrdiff_t) ((times.size () - 1) * 9 / 10);
  std::nth_element (times.begin (), nth, times.end ());
  return *nth;
}

void
StepChoice::choose (GstClockTime each)
{
  if (period_ == 0)
    return;
  const double time = budget * (double)period_;
  int fits = allowed_.front ();
  for (const int steps : allowed_) {
    const double wanted = (double)each * steps;
    if (wanted <= (steps > steps_ ? reserve * time : time))
      fits = steps;
  }
  if (fits != steps_) {
    steps_ = fits;
    each_ = {each};
    since_change_ = 0;
  }
  late_ = 0;
}
