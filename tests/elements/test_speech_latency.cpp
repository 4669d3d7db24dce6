// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The latency that is reported is the time that frames are really held back.
#include <algorithm>

#include "speechharness.h"

namespace {

const char *whole = "speechfeatures name=f ! speech2latent name=l";

GstClockTime
latency_of (GstElement *element)
{
  guint64 latency;
  g_object_get (element, "latency", &latency, nullptr);
  return latency;
}

// The time to compute is measured and added; the arithmetic engine takes next to none.
constexpr GstClockTime computing = 39 * GST_MSECOND;

#define EXPECT_LATENCY(found, expected)                                                  \
  do {                                                                                   \
    const GstClockTime latency_found = (found), latency_expected = (expected);           \
    EXPECT_GE (latency_found, latency_expected);                                         \
    EXPECT_LT (latency_found, latency_expected + computing);                             \
  } while (0)

// Min latency with an upstream of 30 ms, live or not.
GstClockTime
query (SpeechHarness &t, bool live)
{
  gst_harness_set_upstream_latency (t.h, 30 * GST_MSECOND);
  gst_harness_set_live (t.h, live);
  return gst_harness_query_latency (t.h);
}

struct Case {
  const char *launch, *rate;
  guint64 features_ms, latents_ms;

  friend std::ostream &operator<< (std::ostream &out, const Case &one)
  {
    return out << one.launch << " at " << one.rate;
  }
};

class Latency : public testing::TestWithParam<Case> {};

TEST_P (Latency, IsTheFormulasNumber)
{
  TestBundle bundle;
  SpeechHarness t (bundle, GetParam ().launch, GetParam ().rate);
  t.start ();
  t.push (ramp (3200));
  EXPECT_LATENCY (latency_of (t.features), GetParam ().features_ms * GST_MSECOND);
  EXPECT_LATENCY (latency_of (t.latents), GetParam ().latents_ms * GST_MSECOND);
  EXPECT_EQ (query (t, true),
             30 * GST_MSECOND + latency_of (t.features) + latency_of (t.latents));
  EXPECT_EQ (query (t, false), 0u) << "not live: nothing is added";
}

// A millisecond of speech at a time: when does a frame come out?
TEST_P (Latency, IsTheTruth)
{
  TestBundle bundle;
  SpeechHarness t (bundle, GetParam ().launch, GetParam ().rate);
  t.start ();
  GstClockTime longest = 0;
  for (guint64 ms = 0; ms < 4000; ms++) {
    t.push (std::vector<float> (16, 0.5f));
    for (const TestFrame &frame : t.take ()) {
      ASSERT_GE ((ms + 1) * GST_MSECOND, frame.pts) << "from the future";
      longest = std::max (longest, (ms + 1) * GST_MSECOND - frame.pts);
    }
  }
  const GstClockTime promised =
      (GetParam ().features_ms + GetParam ().latents_ms) * GST_MSECOND;
  EXPECT_LE (longest, promised);
  // Frames at another rate may lie more happily between the native ones than in the worst
  // case.
  const GstClockTime luck = GetParam ().rate == std::string ("25/1") ? 0 : 40;
  EXPECT_GE (longest + luck * GST_MSECOND, promised);
}

INSTANTIATE_TEST_SUITE_P (
    Cases, Latency,
    testing::Values (Case{whole, "25/1", 120, 80}, Case{whole, "50/1", 120, 120},
                     Case{whole, "30000/1001", 120, 120},
                     Case{"speechfeatures name=f chunk-duration=20 look-ahead=0 ! "
                          "speech2latent name=l look-ahead=0",
                          "25/1", 20, 20},
                     Case{"speechfeatures name=f chunk-duration=100 look-ahead=80 ! "
                          "speech2latent name=l look-ahead=200",
                          "60/1", 180, 260}));

TEST (FeatureLatency, IsExact)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speechfeatures name=f");
  t.start ();
  GstClockTime longest = 0;
  for (guint64 ms = 0; ms < 2000; ms++) {
    t.push (std::vector<float> (16, 0.5f));
    for (const TestFrame &frame : t.take ())
      longest = std::max (longest, (ms + 1) * GST_MSECOND - frame.pts);
  }
  EXPECT_LATENCY (latency_of (t.features), longest);
}

TEST (SpeechLatency, HoldsTheTimeToCompute)
{
  TestBundle bundle (
      nlohmann::json{{"behaviour", {{"features_ms", 15}, {"latents_ms", 40}}}});
  SpeechHarness t (bundle, whole);
  t.start ();
  t.push (ramp (320));
  EXPECT_GE (latency_of (t.features), (120 + 2 * 15) * GST_MSECOND);
  EXPECT_GE (latency_of (t.latents), (80 + 40) * GST_MSECOND);
}

// Where a frame waits for no more than the chunk of features that brings its own.
TEST (SpeechLatency, OfNothingButComputing)
{
  TestBundle bundle (nlohmann::json{{"behaviour", {{"latents_ms", 30}}}});
  SpeechHarness t (bundle, "speechfeatures name=f ! speech2latent name=l look-ahead=0");
  t.start ();
  t.push (ramp (320));
  EXPECT_LATENCY (latency_of (t.latents), 30 * GST_MSECOND);
}

TEST (FeatureChunk, IsInTheStats)
{
  TestBundle bundle;
  for (const auto &[launch, frames] :
       {std::pair ("speechfeatures name=f", 2),
        std::pair ("speechfeatures name=f chunk-duration=100", 5),
        std::pair ("speechfeatures name=f chunk-duration=0", 0)}) {
    SpeechHarness t (bundle, launch);
    t.start ();
    g_autoptr (GstStructure) stats = nullptr;
    g_object_get (t.features, "stats", &stats, nullptr);
    gint chunk = -1;
    EXPECT_TRUE (gst_structure_get_int (stats, "chunk-frames", &chunk));
    EXPECT_EQ (chunk, frames) << launch;
  }
}

// Features come in at their own timestamps, as speechfeatures promises.
TEST (LatentLatency, IsExactAtTheNativeRate)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speech2latent name=l", "25/1");
  t.start ("other/tensors,format=static,num_tensors=1,types=float32,"
           "dimensions=(string)6:1:1:1,framerate=50/1");
  GstClockTime longest = 0;
  for (guint64 k = 0; k < 200; k++) {
    t.push_at (k * 20 * GST_MSECOND, std::vector<float> (6, 0.5f));
    for (const TestFrame &frame : t.take ())
      longest = std::max (longest, k * 20 * GST_MSECOND - frame.pts);
  }
  EXPECT_LATENCY (latency_of (t.latents), longest);
}

TEST (LatencyMessage, IsPostedWhenTheNumberChanges)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  auto messages = [&t] {
    int count = 0;
    while (GstMessage *message = gst_bus_pop_filtered (t.bus, GST_MESSAGE_LATENCY)) {
      count++;
      gst_message_unref (message);
    }
    return count;
  };
  EXPECT_EQ (latency_of (t.features), 0u) << "nothing is open";
  gst_element_set_state (t.bin, GST_STATE_READY);
  EXPECT_EQ (latency_of (t.features), 120 * GST_MSECOND) << "known before caps";
  EXPECT_EQ (latency_of (t.latents), 100 * GST_MSECOND);
  EXPECT_GE (messages (), 2);

  g_object_set (t.features, "look-ahead", 200, nullptr);
  EXPECT_EQ (latency_of (t.features), 240 * GST_MSECOND);
  EXPECT_EQ (messages (), 1);
  g_object_set (t.latents, "look-ahead", 0, nullptr);
  EXPECT_EQ (latency_of (t.latents), 20 * GST_MSECOND);
  EXPECT_EQ (messages (), 1);
  g_object_set (t.latents, "look-ahead", 0, nullptr);
  EXPECT_EQ (messages (), 0) << "nothing has changed";

  t.start ();
  t.push (ramp (320));
  messages ();
  g_object_set (t.features, "look-ahead", 0, nullptr);
  EXPECT_LATENCY (latency_of (t.features), 240 * GST_MSECOND); // as it was
}

// Pictures are drawn in bfloat16, latents are not.
TEST (Stats, NameThePrecisionThatLatentsAreComputedIn)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  g_object_set (t.latents, "precision", "bfloat16", nullptr);
  t.start ();
  g_autoptr (GstStructure) stats = nullptr;
  g_object_get (t.latents, "stats", &stats, nullptr);
  EXPECT_STREQ (gst_structure_get_string (stats, "precision"), "float32");
}

TEST (LookAhead, OfARunningStreamCountsAtTheNextStart)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.start ();
  t.push (ramp (320));
  const GstClockTime before = latency_of (t.latents);
  g_object_set (t.latents, "look-ahead", 400, nullptr);
  gint kept = 0;
  g_object_get (t.latents, "look-ahead", &kept, nullptr);
  EXPECT_EQ (kept, 400);
  EXPECT_LATENCY (latency_of (t.latents), before);
  gst_element_set_state (t.bin, GST_STATE_READY);
  EXPECT_GT (latency_of (t.latents), before + 200 * GST_MSECOND);
}

TEST (LatencyMessage, OnePassWarnsInLiveStreams)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speechfeatures name=f chunk-duration=0");
  t.start ();
  t.push (ramp (320));
  query (t, false);
  EXPECT_EQ (gst_bus_pop_filtered (t.bus, GST_MESSAGE_WARNING), nullptr);
  query (t, true);
  query (t, true);
  g_autoptr (GstMessage) warning = gst_bus_pop_filtered (t.bus, GST_MESSAGE_WARNING);
  EXPECT_NE (warning, nullptr);
  g_autoptr (GstMessage) second = gst_bus_pop_filtered (t.bus, GST_MESSAGE_WARNING);
  EXPECT_EQ (second, nullptr) << "once";
}

} // namespace
