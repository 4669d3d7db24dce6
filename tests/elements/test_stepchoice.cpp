// SPDX-License-Identifier: LGPL-2.1-or-later
//
// steps=0: as many evaluations as there is time for.
#include "gst/stepchoice.h"

#include "renderharness.h"

namespace {

const std::vector<int> allowed = {1, 2, 5, 10, 100};
constexpr GstClockTime ms = GST_MSECOND;
constexpr GstClockTime period = 40 * ms; // 28 ms of it may be used

StepChoice
choice_of (GstClockTime each)
{
  StepChoice choice;
  choice.start (allowed, 1, each);
  choice.set_period (period);
  return choice;
}

void
add (StepChoice &choice, GstClockTime each, int frames)
{
  for (int i = 0; i < frames; i++)
    choice.add (each * (guint64)choice.steps ());
}

TEST (StepChoice, TakesWhatFits)
{
  EXPECT_EQ (choice_of (2 * ms).steps (), 10);
  EXPECT_EQ (choice_of (2 * ms).expected (), 20 * ms);
  EXPECT_EQ (choice_of (4 * ms).steps (), 5);
  EXPECT_EQ (choice_of (20 * ms).steps (), 1);
  EXPECT_EQ (choice_of (500 * ms).steps (), 1) << "the fewest, if nothing fits";
}

TEST (StepChoice, CountsWhatWasMeasuredByTheEvaluation)
{
  StepChoice choice;
  choice.start (allowed, 10, 20 * ms);
  EXPECT_EQ (choice.steps (), 1) << "before the period is known";
  choice.set_period (period);
  EXPECT_EQ (choice.steps (), 10);
  choice.set_period (period / 2);
  EXPECT_EQ (choice.steps (), 5);
}

TEST (StepChoice, GoesDownAfterAFewLateFrames)
{
  StepChoice choice = choice_of (2 * ms);
  add (choice, 5 * ms, 2);
  EXPECT_EQ (choice.steps (), 10);
  add (choice, 5 * ms, 1);
  EXPECT_EQ (choice.steps (), 5);
  add (choice, 50 * ms, 3);
  EXPECT_EQ (choice.steps (), 1);
}

TEST (StepChoice, OneLateFrameIsNoReason)
{
  StepChoice choice = choice_of (2 * ms);
  for (int i = 0; i < 50; i++)
    add (choice, i % 20 == 10 ? 30 * ms : 2 * ms, 1);
  EXPECT_EQ (choice.steps (), 10);
}

TEST (StepChoice, GoesUpAfterASecondAndStays)
{
  StepChoice choice = choice_of (20 * ms);
  add (choice, 2 * ms, 24);
  EXPECT_EQ (choice.steps (), 1);
  add (choice, 2 * ms, 10);
  EXPECT_EQ (choice.steps (), 10);
  // At 5.2 ms five evaluations would fit, and leave nothing.
  choice = choice_of (20 * ms);
  int changes = 0, before = choice.steps ();
  for (int i = 0; i < 500; i++) {
    add (choice, 5200 * GST_USECOND, 1);
    changes += choice.steps () != before;
    before = choice.steps ();
  }
  EXPECT_EQ (choice.steps (), 2);
  EXPECT_EQ (changes, 1);
}

gint
steps_in_stats (GstElement *element)
{
  g_autoptr (GstStructure) stats = nullptr;
  g_object_get (element, "stats", &stats, nullptr);
  gint steps = -1;
  EXPECT_TRUE (gst_structure_get_int (stats, "steps", &steps));
  return steps;
}

// 4 ms for an evaluation: one fits at 25 frames a second, ten at 5.
TEST (StepChoice, OfTheRendererFollowsTheRate)
{
  TestBundle bundle ({{"steps", {1, 10}}, {"behaviour", {{"render_ms", 4}}}});
  for (const auto &[rate, steps] : {std::pair{25, 1}, std::pair{5, 10}}) {
    RenderHarness r (bundle);
    g_object_set (r.element, "steps", 0, nullptr);
    r.start ();
    r.set_caps ("", rate);
    for (guint64 frame = 0; frame < 3; frame++)
      gst_buffer_unref (
          gst_harness_push_and_pull (r.h, RenderHarness::new_latent (0.5, frame, rate)));
    EXPECT_EQ (steps_in_stats (r.element), steps) << rate;
    guint64 latency = 0;
    g_object_get (r.element, "latency", &latency, nullptr);
    EXPECT_GE (latency, (guint64)steps * 4 * ms);
    // Somebody says it after all.
    g_object_set (r.element, "steps", 1, nullptr);
    gst_buffer_unref (
        gst_harness_push_and_pull (r.h, RenderHarness::new_latent (0.5, 3, rate)));
    EXPECT_EQ (steps_in_stats (r.element), 1);
  }
}

} // namespace
