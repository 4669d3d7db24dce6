// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Which frames can still be drawn in time.  A viewer that shows each frame at its time
// has no use for one that comes later, so a renderer that cannot draw them all draws
// those that it will finish in time.
#pragma once

#include <gst/gst.h>

#include <map>
#include <mutex>

// Times are running times.  Every method may be called from any thread.
class FrameDeadline {
public:
  // A new stream, or a flush.
  void reset ();

  // The pipeline's latency: frames are shown so long after their time.
  void set_latency (GstClockTime latency);

  // A viewer, who alone has deadlines, got a frame so much too late (negative: too
  // early).
  void observe (GstClockTime frame, GstClockTimeDiff lateness);

  // A frame was finished at `now` and took `spent`.
  void drawn (GstClockTime frame, GstClockTime now, GstClockTime spent);

  // Whether a frame that is begun `now` comes too late, to be asked once for each.  Where
  // none can be in time, those that are as new as the ones drawn before are drawn: a face
  // that is late is better than one that stands.
  bool misses (GstClockTime frame, GstClockTime duration, GstClockTime now);

private:
  static constexpr GstClockTime longest_rest = 250 * GST_MSECOND;
  static constexpr gsize on_their_way = 100; // frames, at most

  bool misses_unlocked (GstClockTime frame, GstClockTime duration,
                        GstClockTime now) const;

  std::mutex mutex_;
  GstClockTime latency_ = 0;
  bool watched_ = false;
  GstClockTime lost_ = 0;  // up to here nothing can be in time: the viewer said so
  GstClockTime spent_ = 0; // by a frame, lately
  std::map<GstClockTime, GstClockTime> finished_; // when, by frame, until it came
  GstClockTime downstream_ = 0;                   // from there to the viewer, lately
  GstClockTime shown_ = 0; // when the last one was; then the viewer takes the next
  // The least age, lately, with which one was begun, and when the last one was.
  GstClockTime age_ = GST_CLOCK_TIME_NONE, begun_ = 0;
};
