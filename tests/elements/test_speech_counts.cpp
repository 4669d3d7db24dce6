// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Frame counts and timestamps: exact at every rate, for every length, in every
// buffer size.
#include "speechharness.h"

namespace {

const guint64 lengths[] = {0, 1, 319, 320, 321, 48000};

TEST (SpeechCounts, FeaturesCoverEverySample)
{
  TestBundle bundle;
  for (guint64 length : lengths) {
    SpeechHarness t (bundle, "speechfeatures name=f");
    t.start ();
    if (length > 0)
      t.push (ramp (length));
    t.eos ();
    const auto frames = t.take ();
    ASSERT_EQ (frames.size (), (length + 319) / 320) << length;
    for (guint64 k = 0; k < frames.size (); k++) {
      EXPECT_EQ (frames[k].pts, k * 20 * GST_MSECOND);
      EXPECT_EQ (frames[k].offset, k);
      EXPECT_EQ (frames[k].discont, k == 0);
      const guint64 end = std::min ((k + 1) * 320, length);
      EXPECT_EQ (frames[k].end (), gst_util_uint64_scale (end, GST_SECOND, test_rate));
    }
  }
}

struct Rate {
  const char *text;
  guint64 num, den;
};

class AtRate : public testing::TestWithParam<Rate> {};

TEST_P (AtRate, CountsAndTimestampsAreExact)
{
  const Rate rate = GetParam ();
  TestBundle bundle;
  for (guint64 length : lengths) {
    SpeechHarness t (bundle, "speechfeatures name=f ! speech2latent name=l", rate.text);
    t.start ();
    if (length > 0)
      t.push (ramp (length));
    t.eos ();
    const auto frames = t.take ();
    ASSERT_EQ (frames.size (), frames_of (length, rate.num, rate.den)) << length;
    for (guint64 k = 0; k < frames.size (); k++) {
      const GstClockTime pts = gst_util_uint64_scale (k, rate.den * GST_SECOND, rate.num);
      EXPECT_EQ (frames[k].pts, pts);
      EXPECT_EQ (frames[k].end (),
                 gst_util_uint64_scale (k + 1, rate.den * GST_SECOND, rate.num));
      EXPECT_EQ (frames[k].offset, k);
      EXPECT_EQ (frames[k].discont, k == 0);
      EXPECT_EQ (frames[k].values.size (), 8u);
      EXPECT_EQ (frames[k].pose.size (), 3u);
    }
    EXPECT_EQ (pop_error (t.bus).domain, 0u);
  }
}

// An avatar whose native rate does not divide the feature rate.
TEST_P (AtRate, AvatarAt30)
{
  const Rate rate = GetParam ();
  TestBundle bundle (nlohmann::json{{"fps", {30, 1}}});
  for (guint64 length : lengths) {
    SpeechHarness t (bundle, "speechfeatures name=f ! speech2latent name=l", rate.text);
    t.start ();
    if (length > 0)
      t.push (ramp (length));
    t.eos ();
    EXPECT_EQ (t.take ().size (), frames_of (length, rate.num, rate.den)) << length;
  }
}

INSTANTIATE_TEST_SUITE_P (Rates, AtRate,
                          testing::Values (Rate{"24/1", 24, 1}, Rate{"25/1", 25, 1},
                                           Rate{"30000/1001", 30000, 1001},
                                           Rate{"30/1", 30, 1}, Rate{"50/1", 50, 1},
                                           Rate{"60/1", 60, 1}),
                          [] (const auto &info) {
                            return "rate" + std::to_string (info.param.num) + "over" +
                                   std::to_string (info.param.den);
                          });

// An hour: what adds durations drifts here.
TEST (SpeechCounts, NothingDriftsInAnHour)
{
  const Rate rate{"30000/1001", 30000, 1001};
  TestBundle bundle;
  SpeechHarness t (bundle, "speechfeatures name=f ! speech2latent name=l", rate.text);
  t.start ();
  const std::vector<float> second (test_rate, 0.5f);
  guint64 count = 0;
  GstClockTime last = 0;
  auto take = [&] {
    for (const TestFrame &frame : t.take ()) {
      count++;
      last = frame.pts;
    }
  };
  for (int i = 0; i < 3600; i++) {
    t.push (second);
    take ();
  }
  t.eos ();
  take ();
  EXPECT_EQ (count, frames_of (3600 * test_rate, rate.num, rate.den));
  EXPECT_EQ (last, gst_util_uint64_scale (count - 1, rate.den * GST_SECOND, rate.num));
}

TEST (SpeechCounts, NativeRateWhenNobodyAsks)
{
  TestBundle bundle;
  SpeechHarness t (bundle);
  t.start ();
  t.push (ramp (48000));
  t.eos ();
  EXPECT_EQ (t.take ().size (), 75u);
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (t.h->sinkpad);
  gint num, den;
  ASSERT_TRUE (gst_structure_get_fraction (gst_caps_get_structure (caps, 0), "framerate",
                                           &num, &den));
  EXPECT_EQ (num, 25);
  EXPECT_EQ (den, 1);
}

TEST (SpeechCounts, TimeStartsWhereTheSpeechStarts)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speechfeatures name=f ! speech2latent name=l", "30/1");
  t.start ();
  t.push_at (7 * GST_SECOND + 123, ramp (16000));
  t.eos ();
  const auto frames = t.take ();
  ASSERT_EQ (frames.size (), 30u);
  EXPECT_EQ (frames[0].pts, 7 * GST_SECOND + 123);
  EXPECT_EQ (frames[29].pts, 7 * GST_SECOND + 123 + 29 * GST_SECOND / 30);
}

} // namespace
