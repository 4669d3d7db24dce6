// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How long an element's frames take: the numbers behind the properties `stats`
// and `latency`.
#pragma once

#include <gst/gst.h>

#include <deque>
#include <mutex>
#include <vector>

// Of one stream.  Every method may be called from any thread.
class FrameStats {
public:
  // A frame was computed just now and took `spent` nanoseconds.
  void add (GstClockTime spent);

  // The last frame was good enough once more.
  void repeat ();

  // A frame was too late and left out.
  void drop ();

  // A new stream: everything is 0 again.
  void clear ();

  // Forgets the times and keeps the counts: from here on frames cost otherwise.
  void restart_times ();

  // The time that `share` (0..1) of the last `window` frames did not exceed; 0
  // without frames.
  GstClockTime percentile (double share) const;

  // Frames added, and times that percentile() knows.
  guint64 count () const;
  gsize times () const;

  // `count_name` (guint64, frames computed), repeated, dropped (guint64), fps (double,
  // frames per second of wall clock, 0 before the second frame), p50-ms, p95-ms and
  // p99-ms (double) over the last `window` frames, device, precision.
  GstStructure *to_structure (const gchar *name, const gchar *count_name,
                              const gchar *device, const gchar *precision) const;

  static constexpr gsize window = 250;

private:
  struct Frame {
    gint64 finished;    // g_get_monotonic_time
    GstClockTime spent; // GST_CLOCK_TIME_NONE: repeated
  };
  void add_unlocked (GstClockTime spent);
  std::vector<GstClockTime> times_unlocked () const;
  GstClockTime percentile_unlocked (double share) const;

  mutable std::mutex mutex_;
  std::deque<Frame> frames_;
  guint64 count_ = 0;
  guint64 repeated_ = 0;
  guint64 dropped_ = 0;
};
