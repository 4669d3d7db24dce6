// SPDX-License-Identifier: LGPL-2.1-or-later
#include "framestats.h"

#include <algorithm>
#include <vector>

using Lock = std::lock_guard<std::mutex>;

void
FrameStats::add (GstClockTime spent)
{
  Lock lock (mutex_);
  count_++;
  add_unlocked (spent);
}

void
FrameStats::repeat ()
{
  Lock lock (mutex_);
  repeated_++;
  add_unlocked (GST_CLOCK_TIME_NONE);
}

void
FrameStats::add_unlocked (GstClockTime spent)
{
  frames_.push_back ({g_get_monotonic_time (), spent});
  if (frames_.size () > window)
    frames_.pop_front ();
}

void
FrameStats::drop ()
{
  Lock lock (mutex_);
  dropped_++;
}

void
FrameStats::clear ()
{
  Lock lock (mutex_);
  frames_.clear ();
  count_ = repeated_ = dropped_ = 0;
}

void
FrameStats::restart_times ()
{
  Lock lock (mutex_);
  frames_.clear ();
}

std::vector<GstClockTime>
FrameStats::times_unlocked () const
{
  std::vector<GstClockTime> times;
  times.reserve (frames_.size ());
  for (const Frame &frame : frames_)
    if (frame.spent != GST_CLOCK_TIME_NONE)
      times.push_back (frame.spent);
  return times;
}

GstClockTime
FrameStats::percentile_unlocked (double share) const
{
  std::vector<GstClockTime> spent = times_unlocked ();
  if (spent.empty ())
    return 0;
  const auto nth = spent.begin () + (gsize)(share * (double)(spent.size () - 1) + 0.5);
  std::nth_element (spent.begin (), nth, spent.end ());
  return *nth;
}

GstClockTime
FrameStats::percentile (double share) const
{
  Lock lock (mutex_);
  return percentile_unlocked (share);
}

guint64
FrameStats::count () const
{
  Lock lock (mutex_);
  return count_;
}

gsize
FrameStats::times () const
{
  Lock lock (mutex_);
  return times_unlocked ().size ();
}

GstStructure *
FrameStats::to_structure (const gchar *name, const gchar *count_name, const gchar *device,
                          const gchar *precision) const
{
  Lock lock (mutex_);
  double fps = 0;
  if (frames_.size () > 1 && frames_.back ().finished > frames_.front ().finished)
    fps = (double)(frames_.size () - 1) * G_USEC_PER_SEC /
          (double)(frames_.back ().finished - frames_.front ().finished);
  const double ms = GST_MSECOND;
  return gst_structure_new (
      name, count_name, G_TYPE_UINT64, count_, "repeated", G_TYPE_UINT64, repeated_,
      "dropped", G_TYPE_UINT64, dropped_, "fps", G_TYPE_DOUBLE, fps, "p50-ms",
      G_TYPE_DOUBLE, (double)percentile_unlocked (0.50) / ms, "p95-ms", G_TYPE_DOUBLE,
      (double)percentile_unlocked (0.95) / ms, "p99-ms", G_TYPE_DOUBLE,
      (double)percentile_unlocked (0.99) / ms, "device", G_TYPE_STRING, device,
      "precision", G_TYPE_STRING, precision, nullptr);
}
