// SPDX-License-Identifier: LGPL-2.1-or-later
#include "framedeadline.h"

#include <iterator>

void
FrameDeadline::reset ()
{
  const std::lock_guard lock (mutex_);
  watched_ = false;
  lost_ = downstream_ = shown_ = 0;
  finished_.clear ();
  age_ = GST_CLOCK_TIME_NONE;
}

void
FrameDeadline::set_latency (GstClockTime latency)
{
  const std::lock_guard lock (mutex_);
  latency_ = latency;
}

void
FrameDeadline::observe (GstClockTime frame, GstClockTimeDiff lateness)
{
  const std::lock_guard lock (mutex_);
  watched_ = true;
  if (lateness > 0)
    lost_ = frame + lateness;
  const GstClockTime came = frame + latency_ + lateness;
  const GstClockTime taken = shown_;
  shown_ = MAX (came, frame + latency_);
  const auto drawn = finished_.find (frame);
  if (drawn == finished_.end ())
    return;
  const GstClockTime left = MAX (drawn->second, taken);
  downstream_ = (3 * downstream_ + came - MIN (came, left)) / 4;
  finished_.erase (finished_.begin (), std::next (drawn));
}

void
FrameDeadline::drawn (GstClockTime frame, GstClockTime now, GstClockTime spent)
{
  const std::lock_guard lock (mutex_);
  spent_ = spent_ > 0 ? (3 * spent_ + spent) / 4 : spent;
  finished_[frame] = now;
  if (finished_.size () > on_their_way)
    finished_.erase (finished_.begin ());
}

bool
FrameDeadline::misses (GstClockTime frame, GstClockTime duration, GstClockTime now)
{
  const std::lock_guard lock (mutex_);
  if (now > begun_ + longest_rest + 2 * spent_)
    age_ = GST_CLOCK_TIME_NONE; // the face stands: frames come later than they did
  if (misses_unlocked (frame, duration, now))
    return true;
  const GstClockTime age = now - MIN (now, frame);
  age_ = GST_CLOCK_TIME_IS_VALID (age_) ? MIN (age_ + GST_MSECOND, age) : age;
  begun_ = now;
  return false;
}

bool
FrameDeadline::misses_unlocked (GstClockTime frame, GstClockTime duration,
                                GstClockTime now) const
{
  if (!watched_ || !GST_CLOCK_TIME_IS_VALID (age_))
    return false;
  if (frame >= lost_ && now + spent_ + downstream_ <= frame + latency_)
    return false;
  return now > frame + age_ + duration / 2;
}
