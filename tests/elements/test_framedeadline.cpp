// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Which frames a renderer that is too slow draws.
#include "gst/framedeadline.h"

#include <gtest/gtest.h>
#include <vector>

namespace {

constexpr GstClockTime ms = GST_MSECOND;

// Frames at 25 a second that come 80 ms after their time, for a renderer that takes
// `spent`, before a viewer that shows them `latency` after it: those that are drawn, as
// {frame, finished}.
std::vector<std::pair<guint, GstClockTime>>
draw (FrameDeadline &deadline, GstClockTime spent, GstClockTime latency, guint frames)
{
  std::vector<std::pair<guint, GstClockTime>> drawn;
  deadline.set_latency (latency);
  GstClockTime now = 0;
  for (guint n = 0; n < frames; n++) {
    const GstClockTime frame = n * 40 * ms;
    now = MAX (now, frame + 80 * ms);
    if (deadline.misses (frame, 40 * ms, now))
      continue;
    now += spent;
    deadline.drawn (frame, now, spent);
    deadline.observe (frame, GST_CLOCK_DIFF (frame + latency, now));
    drawn.emplace_back (n, now);
  }
  return drawn;
}

guint
in_time (const std::vector<std::pair<guint, GstClockTime>> &drawn, GstClockTime latency)
{
  guint count = 0;
  for (const auto &[frame, finished] : drawn)
    count += finished <= frame * 40 * ms + latency;
  return count;
}

} // namespace

TEST (FrameDeadline, WhoIsFastEnoughDrawsAll)
{
  FrameDeadline deadline;
  EXPECT_EQ (in_time (draw (deadline, 30 * ms, 120 * ms, 250), 120 * ms), 250u);
}

// Five at once every 200 ms, drawn ahead of the viewer, who takes each when the one
// before has been shown: to wait for that is not to be slow.
TEST (FrameDeadline, BurstsThatAQueueHoldsAreDrawn)
{
  FrameDeadline deadline;
  const GstClockTime latency = 330 * ms, spent = 15 * ms;
  deadline.set_latency (latency);
  GstClockTime now = 0, shown = 0;
  guint missed = 0;
  for (guint burst = 0; burst < 50; burst++) {
    now = MAX (now, (burst + 1) * 200 * ms + 80 * ms);
    std::vector<std::pair<GstClockTime, GstClockTime>> drawn;
    for (guint n = 0; n < 5; n++) {
      const GstClockTime frame = (burst * 5 + n) * 40 * ms;
      if (deadline.misses (frame, 40 * ms, now)) {
        missed++;
        continue;
      }
      now += spent;
      deadline.drawn (frame, now, spent);
      drawn.emplace_back (frame, now);
    }
    for (const auto &[frame, finished] : drawn) {
      const GstClockTime came = MAX (finished, shown);
      deadline.observe (frame, GST_CLOCK_DIFF (frame + latency, came));
      shown = MAX (came, frame + latency);
    }
  }
  EXPECT_EQ (missed, 0u);
}

// 70 ms for a frame of 40: 142 of 250 can be drawn, and hardly one in vain.
TEST (FrameDeadline, WhoIsTooSlowDrawsWhatComesInTime)
{
  FrameDeadline deadline;
  const auto drawn = draw (deadline, 70 * ms, 200 * ms, 250);
  EXPECT_GE (in_time (drawn, 200 * ms), 138u);
  EXPECT_LE (drawn.size () - in_time (drawn, 200 * ms), 2u);
}

// Nothing can be in time: one after the other is drawn, and each time the newest.
TEST (FrameDeadline, TheFaceNeverStands)
{
  FrameDeadline deadline;
  const auto drawn = draw (deadline, 100 * ms, 120 * ms, 250);
  EXPECT_EQ (in_time (drawn, 120 * ms), 0u);
  EXPECT_GE (drawn.size (), 80u);
  for (const auto &[frame, finished] : drawn)
    EXPECT_LE (finished - frame * 40 * ms, (80 + 20 + 100 + 2) * ms) << frame;
}

TEST (FrameDeadline, WithoutAViewerThereIsNone)
{
  FrameDeadline deadline;
  const auto late = [&deadline] {
    return deadline.misses (0, 40 * ms, 300 * ms);
  };
  EXPECT_FALSE (deadline.misses (40 * ms, 40 * ms, 120 * ms)); // 80 ms old
  deadline.drawn (40 * ms, 190 * ms, 70 * ms);
  EXPECT_FALSE (late ());
  EXPECT_FALSE (deadline.misses (80 * ms, 40 * ms, 160 * ms)); // as new again
  deadline.observe (40 * ms, 0);
  EXPECT_TRUE (late ());
  deadline.reset ();
  EXPECT_FALSE (deadline.misses (80 * ms, 40 * ms, 160 * ms));
  EXPECT_FALSE (late ());
}

// A video encoder lies between, and takes 30 ms.
TEST (FrameDeadline, WhatIsNeededBehindIsLeftForIt)
{
  FrameDeadline deadline;
  deadline.set_latency (100 * ms);
  EXPECT_FALSE (deadline.misses (0, 40 * ms, 20 * ms)); // 20 ms old
  deadline.drawn (0, 40 * ms, 20 * ms);
  deadline.observe (0, -60 * GST_CLOCK_DIFF (0, ms)); // it was there at 40 ms
  EXPECT_FALSE (deadline.misses (40 * ms, 40 * ms, 115 * ms));
  deadline.drawn (40 * ms, 135 * ms, 20 * ms);
  deadline.observe (40 * ms, 25 * GST_CLOCK_DIFF (0, ms)); // at 165 ms
  EXPECT_TRUE (deadline.misses (80 * ms, 40 * ms, 155 * ms));
  EXPECT_FALSE (deadline.misses (80 * ms, 40 * ms, 125 * ms));
}

// Whatever lies before the renderer takes half a second longer from some moment on.
TEST (FrameDeadline, FramesMayComeLaterFromNowOn)
{
  FrameDeadline deadline;
  draw (deadline, 100 * ms, 120 * ms, 50);
  guint drawn = 0;
  for (guint n = 50; n < 100; n++)
    drawn += !deadline.misses (n * 40 * ms, 40 * ms, n * 40 * ms + 580 * ms);
  EXPECT_GE (drawn, 35u);
}
