// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the numbers are: those of the engine, whatever the buffer sizes, and
// interpolated in time where the rate is not the avatar's.
#include <random>
#include <set>

#include "speechharness.h"

namespace {

const char *whole = "speechfeatures name=f ! speech2latent name=l";

// Speech-like enough: loud, silent, loud.
std::vector<float>
speech (guint64 count)
{
  std::mt19937 random (7);
  std::uniform_real_distribution<float> uniform (-1, 1);
  std::vector<float> samples (count);
  for (guint64 i = 0; i < count; i++)
    samples[i] = i / 8000 % 3 == 1 ? 0.0f : uniform (random);
  return samples;
}

// `sizes`: of the buffers, in turn; 0 is everything at once.
std::vector<TestFrame>
run (SpeechHarness &t, const std::vector<float> &samples, std::vector<guint64> sizes)
{
  t.start ();
  guint64 done = 0;
  for (guint64 i = 0; done < samples.size (); i++) {
    guint64 size = sizes[i % sizes.size ()];
    if (size == 0 || done + size > samples.size ())
      size = samples.size () - done;
    t.push ({samples.begin () + done, samples.begin () + done + size});
    done += size;
  }
  t.eos ();
  return t.take ();
}

void
expect_equal (const std::vector<TestFrame> &a, const std::vector<TestFrame> &b)
{
  ASSERT_EQ (a.size (), b.size ());
  for (gsize i = 0; i < a.size (); i++) {
    EXPECT_EQ (a[i].pts, b[i].pts);
    EXPECT_EQ (a[i].values, b[i].values) << "frame " << i;
    EXPECT_EQ (a[i].pose, b[i].pose) << "frame " << i;
  }
}

TEST (SpeechValues, FeaturesAreTheEngines)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speechfeatures name=f");
  const auto frames = run (t, ramp (3200), {0});
  ASSERT_EQ (frames.size (), 10u);
  for (guint64 k = 0; k < frames.size (); k++) {
    const double mean = (320.0 * k + 159.5) * 1e-6;
    EXPECT_NEAR (frames[k].values[0], mean, 1e-6);
    EXPECT_NEAR (frames[k].values[1], mean, 1e-6);
    // Look-ahead of 4 hops, silence after the end.
    EXPECT_NEAR (frames[k].values[2], k + 4 < 10 ? mean + 4 * 320e-6 : 0, 1e-6);
    EXPECT_NEAR (frames[k].values[4], 320e-6 * k, 1e-6);
    EXPECT_NEAR (frames[k].values[5], 320e-6 * k + 319e-6, 1e-6);
  }
}

TEST (SpeechValues, BufferSizesDoNotMatter)
{
  TestBundle bundle;
  const auto samples = speech (40001);
  for (const char *rate : {"25/1", "30/1"}) {
    SpeechHarness once (bundle, whole, rate);
    const auto expected = run (once, samples, {0});
    for (const std::vector<guint64> &sizes : std::vector<std::vector<guint64>>{
             {1024}, {160}, {321}, {1, 7, 5000, 319, 64}, {16000, 3}}) {
      SpeechHarness t (bundle, whole, rate);
      expect_equal (run (t, samples, sizes), expected);
    }
  }
}

TEST (SpeechValues, FramesOfAFileComeTogetherAndAreTheSame)
{
  TestBundle bundle;
  const auto samples = speech (32000);
  SpeechHarness live (bundle, whole);
  const auto expected = run (live, samples, {320});

  SpeechHarness file (bundle, whole);
  g_object_set (file.latents, "batch", TRUE, nullptr);
  file.start ();
  gst_harness_set_live (file.h, FALSE);
  file.push_segment (0);
  std::vector<TestFrame> frames;
  std::set<gsize> at_once;
  const auto take = [&] {
    const std::vector<TestFrame> more = file.take ();
    frames.insert (frames.end (), more.begin (), more.end ());
    return more.size ();
  };
  for (auto begin = samples.begin (); begin != samples.end (); begin += 320) {
    file.push ({begin, begin + 320});
    at_once.insert (take ());
  }
  EXPECT_EQ (at_once, (std::set<gsize>{0, 8}));
  file.eos ();
  EXPECT_GT (take (), 0u);
  expect_equal (frames, expected);
}

TEST (SpeechValues, OnePassSeesEverything)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speechfeatures name=f chunk-duration=0");
  const auto samples = speech (16000);
  const auto frames = run (t, samples, {1000});
  ASSERT_EQ (frames.size (), 50u);
  double level = 0;
  for (float sample : samples)
    level += std::fabs (sample) / 16000;
  for (const TestFrame &frame : frames)
    EXPECT_NEAR (frame.values[3], level, 1e-5);
}

TEST (SpeechValues, WindowFollowsTheProperties)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speechfeatures name=f chunk-duration=100 look-ahead=40");
  const auto frames = run (t, ramp (16000), {160});
  // values[2] is the level `right` hops later.
  EXPECT_NEAR (frames[10].values[2], frames[12].values[1], 1e-6);
}

TEST (SpeechValues, RatesAreInterpolatedInTime)
{
  TestBundle bundle;
  const auto samples = speech (32000);
  SpeechHarness native (bundle, whole, "25/1");
  const auto frames = run (native, samples, {0});
  for (const auto &rate :
       {std::pair<const char *, double>{"50/1", 50}, {"24/1", 24}, {"60/1", 60}}) {
    SpeechHarness t (bundle, whole, rate.first);
    const auto out = run (t, samples, {0});
    for (gsize k = 0; k < out.size (); k++) {
      const double position = k * 25.0 / rate.second;
      const gsize before = (gsize)position;
      const gsize after = std::min (before + 1, frames.size () - 1);
      const double share = position - (double)before;
      for (gsize i = 0; i < 8; i++)
        EXPECT_NEAR (out[k].values[i],
                     frames[before].values[i] * (1 - share) +
                         frames[after].values[i] * share,
                     1e-4)
            << rate.first << " frame " << k;
      for (gsize i = 0; i < 3; i++)
        EXPECT_NEAR (out[k].pose[i],
                     frames[before].pose[i] * (1 - share) + frames[after].pose[i] * share,
                     1e-4);
    }
  }
}

TEST (SpeechValues, FramesWithoutSpeechAreFlagged)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speechfeatures name=f");
  std::vector<float> samples (3200, 0.0f);
  samples[1000] = 0.5f;                                     // hop 3
  samples[2000] = std::numeric_limits<float>::quiet_NaN (); // hop 6: no speech
  samples[2600] = 0.0005f;                                  // hop 8: below -60 dBFS
  const auto frames = run (t, samples, {0});
  for (gsize k = 0; k < frames.size (); k++) {
    EXPECT_EQ (frames[k].gap, k != 3) << k;
    EXPECT_TRUE (std::isfinite (frames[k].values[0]));
  }
}

TEST (SpeechValues, SilenceEasesToRest)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speechfeatures name=f ! speech2latent name=l silence=rest");
  std::vector<float> samples (32000, 0.0f);
  std::fill (samples.begin () + 12800, samples.begin () + 19200, 0.5f); // frames 20..29
  const auto frames = run (t, samples, {0});
  ASSERT_EQ (frames.size (), 50u);
  // values[7] is 1 where the model speaks and 0 at rest.
  auto model = [&] (gsize k) {
    return frames[k].values[7];
  };
  for (gsize k = 20; k < 30; k++)
    EXPECT_FLOAT_EQ (model (k), 1) << k;
  EXPECT_NEAR (model (19), 2.0 / 3, 1e-5) << "the look-ahead shows the speech";
  EXPECT_NEAR (model (18), 1.0 / 3, 1e-5);
  EXPECT_NEAR (model (17), 0, 1e-5);
  EXPECT_NEAR (model (30), 2.0 / 3, 1e-5);
  EXPECT_NEAR (model (31), 1.0 / 3, 1e-5);
  EXPECT_NEAR (model (32), 0, 1e-5);
  EXPECT_FLOAT_EQ (frames[40].values[0], 0.25f) << "the rest latent";

  SpeechHarness untouched (bundle, whole);
  for (const TestFrame &frame : run (untouched, samples, {0}))
    EXPECT_FLOAT_EQ (frame.values[7], 1);
}

} // namespace
