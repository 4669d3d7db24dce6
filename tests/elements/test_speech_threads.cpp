// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Many starts, many threads, another avatar while running.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

#include "speechharness.h"

namespace {

using namespace std::chrono_literals;

const char *whole = "speechfeatures name=f ! speech2latent name=l";

std::string
avatar_of (SpeechHarness &t)
{
  g_autofree gchar *avatar = nullptr;
  g_object_get (t.latents, "avatar", &avatar, nullptr);
  return avatar;
}

std::string
hash_in_caps (SpeechHarness &t)
{
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (t.h->sinkpad);
  return gst_structure_get_string (gst_caps_get_structure (caps, 0), "model-hash");
}

// Pushes speech until `done`, for 30 s at most (a loaded machine is no failure); returns
// what came out.
std::vector<TestFrame>
push_until (SpeechHarness &t, const std::function<bool ()> &done)
{
  std::vector<TestFrame> all;
  const auto deadline = std::chrono::steady_clock::now () + 30s;
  bool met = false;
  while (!(met = done ()) && std::chrono::steady_clock::now () < deadline) {
    t.push (std::vector<float> (640, 0.5f));
    const auto frames = t.take ();
    all.insert (all.end (), frames.begin (), frames.end ());
    std::this_thread::sleep_for (1ms);
  }
  EXPECT_TRUE (met);
  return all;
}

TEST (SpeechStates, UpAndDownAHundredTimes)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  for (int i = 0; i < 100; i++) {
    for (GstState state : {GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING,
                           GST_STATE_PAUSED, GST_STATE_READY, GST_STATE_NULL})
      ASSERT_NE (gst_element_set_state (t.bin, state), GST_STATE_CHANGE_FAILURE);
    // In odd order, too.
    ASSERT_NE (gst_element_set_state (t.bin, GST_STATE_PLAYING),
               GST_STATE_CHANGE_FAILURE);
    ASSERT_NE (gst_element_set_state (t.bin, GST_STATE_NULL), GST_STATE_CHANGE_FAILURE);
  }
  EXPECT_EQ (pop_error (t.bus).domain, 0u);
}

TEST (SpeechStates, NothingIsRememberedAcrossReady)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.start ();
  t.push (std::vector<float> (16000, 0.5f)); // and not drained
  t.take ();
  for (int i = 0; i < 3; i++) {
    gst_element_set_state (t.bin, i == 1 ? GST_STATE_NULL : GST_STATE_READY);
    gst_element_set_state (t.bin, GST_STATE_PLAYING);
    t.push_event (gst_event_new_stream_start ("again"));
    g_autoptr (GstCaps) caps = gst_caps_from_string (SPEECH_CAPS);
    t.push_event (gst_event_new_caps (caps));
    t.push_segment (0);
    t.push_at (0, std::vector<float> (16000, i % 2 ? 0.5f : 0.0f));
    t.eos ();
    const auto frames = t.take ();
    ASSERT_EQ (frames.size (), 25u);
    EXPECT_EQ (frames[0].pts, 0u);
    for (const TestFrame &frame : frames)
      EXPECT_EQ (frame.values[1], i % 2 ? 0.5f : 0.0f);
  }
}

TEST (SpeechThreads, PropertiesWhileSpeechFlows)
{
  TestBundle a, b (nlohmann::json::object (), TestBundle::none, 0.5f);
  SpeechHarness t (a, whole);
  t.start ();
  std::atomic<bool> stop = false;
  std::thread writer ([&] {
    for (int i = 0; !stop; i++) {
      g_object_set (t.latents, "yaw", (float)(i % 30), "motion-scale", 0.5f, "pose-mode",
                    i % 4, "silence", i % 2, nullptr);
      if (i % 50 == 0)
        g_object_set (t.latents, "avatar", i % 100 ? a.c_str () : b.c_str (), nullptr);
      g_object_set (t.features, "look-ahead", i % 100, nullptr);
      g_object_set (t.latents, "look-ahead", i % 100, nullptr);
    }
  });
  std::thread reader ([&] {
    while (!stop) {
      guint64 latency;
      GstStructure *stats = nullptr;
      g_autofree gchar *avatar = nullptr;
      g_object_get (t.latents, "latency", &latency, "stats", &stats, "avatar", &avatar,
                    nullptr);
      g_clear_pointer (&stats, gst_structure_free);
      g_object_get (t.features, "stats", &stats, nullptr);
      g_clear_pointer (&stats, gst_structure_free);
      gst_harness_query_latency (t.h);
    }
  });
  guint64 count = 0;
  const auto deadline = std::chrono::steady_clock::now () + 2s;
  while (std::chrono::steady_clock::now () < deadline) {
    EXPECT_EQ (t.push (std::vector<float> (320, 0.5f)), GST_FLOW_OK);
    for (const TestFrame &frame : t.take ())
      EXPECT_EQ (frame.pts, count++ * 40 * GST_MSECOND);
  }
  stop = true;
  writer.join ();
  reader.join ();
  EXPECT_GT (count, 0u);
  EXPECT_EQ (pop_error (t.bus).domain, 0u);
}

TEST (SpeechThreads, FlushAndStopWhileSpeechFlows)
{
  TestBundle bundle (nlohmann::json{{"behaviour", {{"latents_ms", 1}}}});
  for (int round = 0; round < 20; round++) {
    SpeechHarness t (bundle, whole);
    t.start ();
    std::atomic<bool> stop = false;
    std::thread pusher ([&] {
      while (!stop) {
        if (t.push (std::vector<float> (8000, 0.5f)) != GST_FLOW_OK)
          std::this_thread::sleep_for (1ms);
      }
    });
    std::this_thread::sleep_for (10ms);
    const auto begin = std::chrono::steady_clock::now ();
    if (round % 2) {
      t.push_event (gst_event_new_flush_start ());
    } else {
      gst_element_set_state (t.bin, GST_STATE_NULL);
    }
    EXPECT_LT (std::chrono::steady_clock::now () - begin, 10s) << "it hung";
    stop = true;
    pusher.join ();
  }
}

// Ten seconds of speech in one pass that takes half a minute: nobody waits for it.
class SinglePass : public testing::TestWithParam<const char *> {};

TEST_P (SinglePass, EndsWithAFlushAndAStop)
{
  const bool features = GetParam () == std::string ("features_ms");
  TestBundle bundle (nlohmann::json{{"window", {{"left", 0}, {"chunk", 0}, {"right", 0}}},
                                    {"behaviour", {{GetParam (), features ? 60 : 120}}}});
  for (const bool flush : {true, false}) {
    SpeechHarness t (bundle, features ? "speechfeatures name=f chunk-duration=0" : whole);
    t.start ();
    ASSERT_EQ (t.push (std::vector<float> (160000, 0.5f)), GST_FLOW_OK);
    const auto begin = std::chrono::steady_clock::now ();
    std::thread end ([&] { t.eos (); });
    std::this_thread::sleep_for (200ms);
    if (flush)
      t.push_event (gst_event_new_flush_start ());
    else
      gst_element_set_state (t.bin, GST_STATE_NULL);
    end.join ();
    EXPECT_LT (std::chrono::steady_clock::now () - begin, 15s) << "it waited";
    EXPECT_TRUE (t.take ().empty ());
  }
}

INSTANTIATE_TEST_SUITE_P (SpeechThreads, SinglePass,
                          testing::Values ("features_ms", "latents_ms"));

struct SwapCase {
  const char *native, *rate; // the avatars' frame rate and the output's
  int chunk;                 // of the second avatar

  friend std::ostream &operator<< (std::ostream &out, const SwapCase &one)
  {
    return out << one.native << " to " << one.rate << ", chunk " << one.chunk;
  }
};

class Swap : public testing::TestWithParam<SwapCase> {};

TEST_P (Swap, TakesOverBetweenTwoFramesAndKeepsTime)
{
  const SwapCase one = GetParam ();
  gint native_num, native_den, num, den;
  ASSERT_EQ (sscanf (one.native, "%d/%d", &native_num, &native_den), 2);
  ASSERT_EQ (sscanf (one.rate, "%d/%d", &num, &den), 2);
  const nlohmann::json fps = {native_num, native_den};
  TestBundle first (nlohmann::json{{"fps", fps}});
  TestBundle second (nlohmann::json{{"fps", fps},
                                    {"window", {{"chunk", one.chunk}}},
                                    {"rest_latent", {0.75, 0, 0, 0, 0, 0, 0, 0}}},
                     TestBundle::none, 0.5f);
  SpeechHarness t (first, whole, one.rate);
  t.start ();
  // More than any history that is kept.
  t.push (std::vector<float> (40 * test_rate, 0.5f));
  auto frames = t.take ();
  const std::string before = hash_in_caps (t);
  g_object_set (t.latents, "avatar", second.c_str (), nullptr);
  auto more = push_until (t, [&] { return hash_in_caps (t) != before; });
  frames.insert (frames.end (), more.begin (), more.end ());
  t.eos ();
  more = t.take ();
  frames.insert (frames.end (), more.begin (), more.end ());

  bool taken = false;
  for (gsize k = 0; k < frames.size (); k++) {
    EXPECT_EQ (frames[k].pts, k > 0 ? frames[k - 1].end () : 0) << "time goes on";
    if (k + 2 > frames.size ())
      break; // the last frame may hold less speech
    const bool is_second = frames[k].values[0] > 1.0f;
    // 0.25 or 0.75 plus the mean 0.5, nothing between: latents are not mixed.
    EXPECT_NEAR (frames[k].values[0], is_second ? 1.25 : 0.75, 1e-5) << k;
    EXPECT_TRUE (is_second || !taken) << "and back again at frame " << k;
    // The new stream sees the recent past: the window's mean has no dent.
    const bool inside = k > 10 && k + 40 < frames.size ();
    EXPECT_TRUE (!inside || std::fabs (frames[k].values[2] - 0.5) < 1e-5) << k;
    taken |= is_second;
  }
  EXPECT_TRUE (taken);
  EXPECT_EQ (avatar_of (t), second.path ());
  EXPECT_EQ (frames.size (), frames_of (t.pushed, num, den));
}

INSTANTIATE_TEST_SUITE_P (Cases, Swap,
                          testing::Values (SwapCase{"25/1", "25/1", 1},
                                           SwapCase{"25/1", "30/1", 1},
                                           SwapCase{"25/1", "25/1", 30},
                                           SwapCase{"30/1", "30/1", 2},
                                           SwapCase{"30000/1001", "30000/1001", 1},
                                           SwapCase{"30000/1001", "25/1", 7}));

TEST (SpeechSwap, LatencyFollowsTheWindow)
{
  TestBundle first;
  TestBundle second (
      nlohmann::json{{"window", {{"left", 2}, {"chunk", 2}, {"right", 5}}}},
      TestBundle::none, 0.5f);
  SpeechHarness t (first, whole);
  t.start ();
  push_until (t, [&] { return t.pushed > 16000; });
  g_object_set (t.latents, "avatar", second.c_str (), nullptr);
  push_until (t, [&] {
    guint64 latency;
    g_object_get (t.latents, "latency", &latency, nullptr);
    // Two features come at once.  The first avatar's is 80 ms, and little to compute.
    return latency >= (7 - 1) * 40 * GST_MSECOND;
  });
  t.eos ();
}

TEST (SpeechSwap, WhatDoesNotFitIsRefusedWithAWarning)
{
  TestBundle first;
  const nlohmann::json misfits[] = {
      {{"encoder", {{"hash", "another"}}}},
      {{"rest_latent", {0, 0, 0, 0, 0, 0, 0, 0, 0}}},
      {{"fps", {30, 1}}},
      {{"window", {{"chunk", 0}}}},
  };
  for (const nlohmann::json &misfit : misfits) {
    TestBundle second (misfit, TestBundle::none, 0.5f);
    SpeechHarness t (first, whole);
    t.start ();
    g_object_set (t.latents, "avatar", second.c_str (), nullptr);
    bool warned = false;
    push_until (t, [&] {
      g_autoptr (GstMessage) message = gst_bus_pop_filtered (t.bus, GST_MESSAGE_WARNING);
      if (message != nullptr) {
        g_autoptr (GError) error = nullptr;
        gst_message_parse_warning (message, &error, nullptr);
        EXPECT_NE (std::string (error->message).find (second.path ()), std::string::npos)
            << error->message;
        warned = true;
      }
      return warned && avatar_of (t) == first.path ();
    });
    push_until (t, [&] { return t.pushed > 16000; });
    EXPECT_EQ (pop_error (t.bus).domain, 0u) << "the old one goes on";
  }
}

TEST (SpeechSwap, MissingAvatarIsRefusedWithAWarning)
{
  TestBundle first;
  SpeechHarness t (first, whole);
  t.start ();
  g_object_set (t.latents, "avatar", "/no/such/avatar", nullptr);
  push_until (t, [&] {
    g_autoptr (GstMessage) message = gst_bus_pop_filtered (t.bus, GST_MESSAGE_WARNING);
    return message != nullptr;
  });
  push_until (t, [&] { return avatar_of (t) == first.path (); });
}

// Reading a property must not wait for a model that loads.
TEST (SpeechSwap, PropertiesCanBeReadWhileAnAvatarLoads)
{
  TestBundle first,
      slow (nlohmann::json{{"behaviour", {{"load_ms", 1500}}}}, TestBundle::none, 0.5f);
  SpeechHarness t (first, whole);
  t.start ();
  t.push (std::vector<float> (16000, 0.5f));
  g_object_set (t.latents, "avatar", slow.c_str (), nullptr);
  const std::string before = hash_in_caps (t);
  guint64 latency;
  g_object_get (t.latents, "latency", &latency, nullptr);
  gst_harness_query_latency (t.h);
  t.push (std::vector<float> (16000, 0.5f));
  EXPECT_EQ (hash_in_caps (t), before) << "something has waited for the load";
  push_until (t, [&] { return hash_in_caps (t) != before; });
}

// Stopped while an avatar loads: the next start has it.
TEST (SpeechSwap, LoadUnderWayIsMadeUpFor)
{
  TestBundle first, slow (nlohmann::json{{"behaviour", {{"load_ms", 200}}},
                                         {"rest_latent", {0.75, 0, 0, 0, 0, 0, 0, 0}}},
                          TestBundle::none, 0.5f);
  SpeechHarness t (first, whole);
  t.start ();
  t.push (std::vector<float> (16000, 0.5f));
  g_object_set (t.latents, "avatar", slow.c_str (), nullptr);
  t.take ();
  gst_element_set_state (t.bin, GST_STATE_READY);
  gst_element_set_state (t.bin, GST_STATE_PLAYING);
  t.push_event (gst_event_new_stream_start ("again"));
  g_autoptr (GstCaps) caps = gst_caps_from_string (SPEECH_CAPS);
  t.push_event (gst_event_new_caps (caps));
  t.push_segment (0);
  t.push_at (0, std::vector<float> (16000, 0.5f));
  t.eos ();
  const auto frames = t.take ();
  ASSERT_EQ (frames.size (), 25u);
  EXPECT_NEAR (frames[0].values[0], 1.25, 1e-5);
}

} // namespace

// An application that sets the property at every turn of a knob, while loading is slow.
TEST (SpeechSwap, AvatarsSetInARowLoadOneAfterTheOther)
{
  nlohmann::json slow = {{"behaviour", {{"load_ms", 20}}}};
  TestBundle first, second (slow, TestBundle::none, 0.5f);
  slow["rest_latent"] = {0.75, 0, 0, 0, 0, 0, 0, 0};
  TestBundle third (slow, TestBundle::none, 0.25f);
  SpeechHarness t (first, whole);
  t.start ();
  t.push (std::vector<float> (16000, 0.5f));
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks ("/proc/self/task");
    return std::distance (begin (tasks), end (tasks));
  };
  const auto before = threads ();
  for (int i = 0; i < 200; i++)
    g_object_set (t.latents, "avatar", i % 2 ? third.c_str () : second.c_str (), nullptr);
  EXPECT_LE (threads (), before + 2);
  const std::string hash = hash_in_caps (t);
  push_until (t, [&] { return hash_in_caps (t) != hash; });
  t.push (std::vector<float> (16000, 0.5f));
  EXPECT_FLOAT_EQ (t.take ().back ().values[0], 1.25f) << "the last one asked for";
  EXPECT_EQ (pop_error (t.bus).domain, 0u);
}
