// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the face does by itself: blinks and sway.
#include <cmath>
#include <string>

#include "speechharness.h"

namespace {

constexpr gsize eye = 6; // of the latent's numbers, the one that blinks move

// A blink of three frames that moves one number by 1, 3 and 2.
nlohmann::json
idle_avatar (double blinks_per_minute)
{
  nlohmann::json blink = nlohmann::json::array ();
  for (const int depth : {1, 3, 2}) {
    std::vector<float> change (8);
    change[eye] = (float)depth;
    blink.push_back (change);
  }
  return {{"idle",
           {{"blinks_per_minute", blinks_per_minute},
            {"blink", blink},
            {"sway", {2, 1, 0}}}}};
}

// Frames of `seconds` of a tone with a second's pause in each two, with these properties
// of speech2latent.
std::vector<TestFrame>
run (const TestBundle &bundle, int seconds, const std::string &properties)
{
  SpeechHarness t (
      bundle, ("speechfeatures name=f ! speech2latent name=l " + properties).c_str ());
  t.start ();
  for (int second = 0; second < seconds; second++)
    t.push (std::vector<float> (16000, second % 2 ? 0.0f : 0.5f));
  t.eos ();
  return t.take ();
}

std::vector<int>
depths (const std::vector<TestFrame> &moved, const std::vector<TestFrame> &still)
{
  std::vector<int> result;
  for (gsize i = 0; i < moved.size (); i++)
    result.push_back ((int)std::lround (moved[i].values[eye] - still[i].values[eye]));
  return result;
}

int
count_blinks (const std::vector<int> &depths)
{
  int blinks = 0;
  for (gsize i = 0; i < depths.size (); i++) {
    if (depths[i] == 0)
      continue;
    // Whole, and one at a time; the stream may end in one.
    EXPECT_EQ (depths[i], 1);
    if (i + 2 < depths.size ()) {
      EXPECT_EQ (depths[i + 1], 3);
      EXPECT_EQ (depths[i + 2], 2);
    }
    i += 2;
    blinks++;
  }
  return blinks;
}

TEST (Blinks, ComeAsOftenAsThePersonBlinksInSpeechAndInPauses)
{
  TestBundle bundle (idle_avatar (30));
  const auto still = run (bundle, 600, "blink-rate=0 idle-motion=0");
  const auto moved = run (bundle, 600, "idle-motion=0");
  ASSERT_EQ (moved.size (), 15000u);
  ASSERT_EQ (still.size (), moved.size ());
  const std::vector<int> depth = depths (moved, still);
  // 300 are to be expected, within four standard deviations.
  EXPECT_NEAR (count_blinks (depth), 300, 70);
  int in_pauses = 0;
  for (gsize i = 0; i < depth.size (); i++)
    in_pauses += depth[i] == 3 && i / 25 % 2 == 1;
  EXPECT_NEAR (in_pauses, 150, 60);
  for (gsize i = 0; i < moved.size (); i++)
    EXPECT_EQ (moved[i].pose, still[i].pose);
}

TEST (Blinks, FollowThePropertyAndTheSeed)
{
  TestBundle bundle (idle_avatar (30));
  const auto still = run (bundle, 120, "blink-rate=0 idle-motion=0");
  const auto often = depths (run (bundle, 120, "blink-rate=100 idle-motion=0"), still);
  EXPECT_NEAR (count_blinks (often), 200, 60);
  EXPECT_EQ (often,
             depths (run (bundle, 120, "blink-rate=100 idle-motion=0 seed=1"), still));
  EXPECT_NE (often,
             depths (run (bundle, 120, "blink-rate=100 idle-motion=0 seed=2"), still));
  TestBundle another; // nothing is known of this person
  const auto none = run (another, 10, "blink-rate=100");
  EXPECT_EQ (count_blinks (depths (none, run (another, 10, "blink-rate=0"))), 0);
}

TEST (Sway, IsThePersonsAndGlides)
{
  TestBundle bundle (idle_avatar (0));
  const auto still = run (bundle, 300, "idle-motion=0");
  const auto moved = run (bundle, 300, "idle-motion=2");
  ASSERT_EQ (still.size (), moved.size ());
  const float expected[] = {4, 2, 0}; // twice the person's
  for (gsize axis = 0; axis < 3; axis++) {
    double square = 0, step = 0, before = 0;
    for (gsize i = 0; i < moved.size (); i++) {
      const double sway = moved[i].pose[axis] - still[i].pose[axis];
      square += sway * sway / (double)moved.size ();
      if (i > 0)
        step = std::max (step, std::fabs (sway - before));
      before = sway;
    }
    EXPECT_NEAR (std::sqrt (square), expected[axis], 0.15 * expected[axis] + 1e-6);
    EXPECT_LE (step, 0.15 * expected[axis] + 1e-6) << "it jumps";
  }
}

TEST (Sway, LeavesAPoseThatWasAskedFor)
{
  TestBundle bundle (idle_avatar (0));
  for (const char *mode : {"pose-mode=manual yaw=5", "pose-mode=still"})
    for (const TestFrame &frame : run (bundle, 2, mode))
      EXPECT_EQ (frame.pose[0], std::string (mode) == "pose-mode=still" ? 1.0f : 5.0f);
}

// A pause that a gap announces ends the speech; the motion goes on where it was.
TEST (Sway, GoesOnAfterAGap)
{
  TestBundle bundle (idle_avatar (0));
  const auto frames_of = [&] (const char *launch) {
    SpeechHarness t (bundle, launch);
    t.start ();
    const std::vector<float> tone (16000, 0.5f);
    t.push_at (0, tone);
    t.push_event (gst_event_new_gap (GST_SECOND, 120 * GST_SECOND));
    t.push_at (GST_SECOND + 120 * GST_SECOND, tone);
    t.eos ();
    return t.take ();
  };
  const auto still =
      frames_of ("speechfeatures name=f ! speech2latent name=l idle-motion=0");
  const auto moved =
      frames_of ("speechfeatures name=f ! speech2latent name=l idle-motion=3");
  ASSERT_EQ (moved.size (), still.size ());
  ASSERT_GE (moved.size (), 50u);
  double before = 0;
  for (gsize i = 0; i < moved.size (); i++) {
    const double sway = moved[i].pose[0] - still[i].pose[0];
    if (i > 0) {
      EXPECT_LT (std::fabs (sway - before), 1) << i;
    }
    before = sway;
  }
}

} // namespace
