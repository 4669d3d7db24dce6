// SPDX-License-Identifier: LGPL-2.1-or-later
//
// daetalkerbin live and under control: latency, properties, another avatar while
// playing, pads that come and go, states.
#include <gst/controller/controller.h>

#include <atomic>
#include <thread>

#include "testpipeline.h"

namespace {

const nlohmann::json unchanged = nlohmann::json::object ();

std::string
live_sound (int buffers, const std::string &bin)
{
  return "audiotestsrc name=source is-live=true samplesperbuffer=160 num-buffers=" +
         std::to_string (buffers) + " ! audio/x-raw,rate=16000,channels=1 ! " + bin;
}

std::string
bin (const TestBundle &bundle, const std::string &more = "")
{
  return "daetalkerbin name=t avatar=" + bundle.path () + " " + more + " ";
}

struct LatencyAnswer {
  gboolean live = FALSE;
  GstClockTime min = 0, max = 0;
};

LatencyAnswer
latency_at (GstElement *element, const char *pad_name)
{
  g_autoptr (GstPad) pad = gst_element_get_static_pad (element, pad_name);
  g_autoptr (GstQuery) query = gst_query_new_latency ();
  LatencyAnswer answer;
  EXPECT_TRUE (gst_pad_query (pad, query));
  gst_query_parse_latency (query, &answer.live, &answer.min, &answer.max);
  return answer;
}

guint64
read_uint64 (GstElement *element, const char *name)
{
  guint64 value = 0;
  g_object_get (element, name, &value, nullptr);
  return value;
}

guint64
stat (GstElement *element, const char *name)
{
  g_autoptr (GstStructure) stats = nullptr;
  g_object_get (element, "stats", &stats, nullptr);
  guint64 value = G_MAXUINT64;
  EXPECT_TRUE (gst_structure_get_uint64 (stats, name, &value)) << name;
  return value;
}

// ---- live ----------------------------------------------------------------------

TEST (Live, LatencyIsTheSumOfThePartsAndTheQueuesHoldIt)
{
  TestBundle bundle;
  TestPipeline p (live_sound (100, bin (bundle, "compute-time=35")) +
                  "t.src ! fakesink name=video sync=true t.audio_src ! "
                  "fakesink name=audio sync=true");
  ASSERT_TRUE (p.run ()) << p.error.text;
  auto t = p.get ("t"), source = p.get ("source");
  guint64 sum = 0;
  for (const char *name : {"speechfeatures", "speech2latent", "daerender"}) {
    auto part = p.get (name);
    sum += read_uint64 (part.get (), "latency");
  }
  // Chunk 2 + look-ahead 4 hops of 20 ms; look-ahead 2 frames of 40 ms, for a chunk of 1
  // frame is one of features; 35 ms.
  EXPECT_GE (sum, (120 + 80 + 35) * GST_MSECOND);
  EXPECT_LT (sum, (120 + 80 + 35 + 20) * GST_MSECOND) << "to compute speech";
  EXPECT_EQ (read_uint64 (t.get (), "latency"), sum);
  const LatencyAnswer before = latency_at (source.get (), "src");
  const LatencyAnswer after = latency_at (t.get (), "src");
  EXPECT_TRUE (after.live);
  EXPECT_EQ (after.min, before.min + sum);
  // The sound is not delayed by itself: its sink delays it, the queue holds it.
  const LatencyAnswer audio = latency_at (t.get (), "audio_src");
  EXPECT_EQ (audio.min, before.min);
  EXPECT_TRUE (audio.max >= after.min);
  auto queue = p.get ("speech_queue");
  EXPECT_EQ (read_uint64 (queue.get (), "max-size-time"), 2 * sum + 200 * GST_MSECOND);
  EXPECT_EQ (p.arrivals ("video").count, 25u);
  EXPECT_EQ (p.arrivals ("audio").count, 100u);
  EXPECT_EQ (stat (t.get (), "dropped"), 0u);
}

TEST (Live, LongLookAheadStillPrerolls)
{
  const nlohmann::json far = {{"window", {{"right", 20}}}};
  TestBundle bundle (far);
  TestPipeline p (live_sound (150, bin (bundle)) +
                  "t.src ! fakesink name=video sync=true t.audio_src ! "
                  "fakesink name=audio sync=true");
  ASSERT_TRUE (p.run ()) << p.error.text;
  EXPECT_EQ (p.arrivals ("video").count, 38u);
}

TEST (Live, SlowRendererDropsFramesAndKeepsTime)
{
  // 160 ms for a frame of 40 ms: three of four cannot be rendered.
  const nlohmann::json slow = {{"behaviour", {{"render_ms", 160}}}};
  TestBundle bundle (slow);
  TestPipeline p (live_sound (300, bin (bundle, "still-threshold=0")) +
                  "t.src ! fakesink name=video sync=true qos=true t.audio_src ! "
                  "fakesink name=audio sync=true");
  const gint64 begin = g_get_monotonic_time ();
  ASSERT_TRUE (p.run ()) << p.error.text;
  // As long as the sound, and a little; rendered one by one they would take 12 s.
  EXPECT_LT (g_get_monotonic_time () - begin, 12 * G_USEC_PER_SEC);
  auto t = p.get ("t");
  const guint64 rendered = stat (t.get (), "rendered"),
                dropped = stat (t.get (), "dropped");
  EXPECT_EQ (rendered + dropped, 75u);
  EXPECT_GE (dropped, 40u);
  EXPECT_GE (rendered, 1u);
  EXPECT_TRUE (p.arrivals ("video").in_order);
  EXPECT_GE (p.qos_messages, dropped);
}

TEST (Live, NotLiveAddsNoLatency)
{
  TestBundle bundle;
  TestPipeline p ("audiotestsrc num-buffers=50 samplesperbuffer=320 ! "
                  "audio/x-raw,rate=16000,channels=1 ! " +
                  bin (bundle) + "! fakesink");
  ASSERT_TRUE (p.run ()) << p.error.text;
  auto t = p.get ("t");
  const LatencyAnswer answer = latency_at (t.get (), "src");
  EXPECT_FALSE (answer.live);
  EXPECT_EQ (answer.min, 0u);
}

TEST (Live, AudioSrcComesAndGoesWhilePlaying)
{
  TestBundle bundle;
  TestPipeline p (live_sound (-1, bin (bundle)) + "t.src ! fakesink name=video");
  p.play ();
  auto t = p.get ("t");
  for (int n = 0; n < 10; n++) {
    GstElement *sink = gst_element_factory_make ("fakesink", nullptr);
    g_object_set (sink, "async", FALSE, nullptr);
    gst_bin_add (GST_BIN (p.pipeline), sink);
    gst_element_sync_state_with_parent (sink);
    GstPad *pad = gst_element_request_pad_simple (t.get (), "audio_src");
    ASSERT_NE (pad, nullptr);
    g_autoptr (GstPad) sink_pad = gst_element_get_static_pad (sink, "sink");
    ASSERT_EQ (gst_pad_link (pad, sink_pad), GST_PAD_LINK_OK);
    g_autoptr (GstSample) sample = nullptr;
    for (int wait = 0; sample == nullptr && wait < 500; wait++) {
      g_usleep (10 * 1000);
      g_object_get (sink, "last-sample", &sample, nullptr);
    }
    EXPECT_NE (sample, nullptr) << n;
    gst_element_release_request_pad (t.get (), pad);
    gst_object_unref (pad);
    gst_element_set_state (sink, GST_STATE_NULL);
    gst_bin_remove (GST_BIN (p.pipeline), sink);
  }
  const BusError error = pop_error (p.bus);
  EXPECT_EQ (error.domain, 0u) << error.text;
  for (int wait = 0; p.arrivals ("video").count <= 5 && wait < 500; wait++)
    g_usleep (10 * 1000);
  EXPECT_GT (p.arrivals ("video").count, 5u);
}

// ---- properties ----------------------------------------------------------------

TEST (Properties, OfThePartsAreTheBins)
{
  TestBundle bundle;
  TestPipeline p ("audiotestsrc ! " + bin (bundle) + "! fakesink");
  auto t = p.get ("t");
  const std::pair<const char *, const char *> values[] = {{"device", "cpu"},
                                                          {"precision", "bfloat16"},
                                                          {"threads", "2"},
                                                          {"allow-unconsented", "true"},
                                                          {"chunk-duration", "80"},
                                                          {"look-ahead", "120"},
                                                          {"encoder", "/some/where"},
                                                          {"pose-mode", "manual"},
                                                          {"yaw", "-12.5"},
                                                          {"pitch", "3"},
                                                          {"roll", "4"},
                                                          {"motion-scale", "0.5"},
                                                          {"silence", "rest"},
                                                          {"steps", "5"},
                                                          {"compute-time", "33"},
                                                          {"provenance", "false"},
                                                          {"avatar", "/any/where"}};
  for (auto [name, text] : values) {
    gst_util_set_object_arg (G_OBJECT (t.get ()), name, text);
    GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (t.get ()), name);
    ASSERT_NE (spec, nullptr) << name;
    GValue own = G_VALUE_INIT;
    g_object_get_property (G_OBJECT (t.get ()), name, &own);
    EXPECT_FALSE (g_param_value_defaults (spec, &own)) << name;
    int holders = 0;
    for (const char *part_name : {"speechfeatures", "speech2latent", "daerender"}) {
      auto part = p.get (part_name);
      if (!g_object_class_find_property (G_OBJECT_GET_CLASS (part.get ()), name))
        continue;
      GValue value = G_VALUE_INIT;
      g_object_get_property (G_OBJECT (part.get ()), name, &value);
      EXPECT_EQ (gst_value_compare (&own, &value), GST_VALUE_EQUAL) << name;
      g_value_unset (&value);
      holders++;
    }
    EXPECT_GE (holders, 1) << name;
    g_value_unset (&own);
  }
}

// Collects the yaw of each latent.
GstPadProbeReturn
collect_yaw (GstPad *, GstPadProbeInfo *info, gpointer data)
{
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  float yaw = 0;
  gst_buffer_extract (buffer, 8 * sizeof (float), &yaw, sizeof (yaw));
  ((std::vector<float> *)data)->push_back (yaw);
  return GST_PAD_PROBE_OK;
}

TEST (Properties, ControlSourcesOnTheBinMoveTheHead)
{
  TestBundle bundle;
  TestPipeline p ("audiotestsrc num-buffers=100 samplesperbuffer=320 ! "
                  "audio/x-raw,rate=16000,channels=1 ! " +
                  bin (bundle, "pose-mode=manual") + "! fakesink");
  auto t = p.get ("t"), latents = p.get ("speech2latent");
  std::vector<float> yaw;
  g_autoptr (GstPad) pad = gst_element_get_static_pad (latents.get (), "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, collect_yaw, &yaw, nullptr);

  GstControlSource *source = gst_interpolation_control_source_new ();
  g_object_set (source, "mode", GST_INTERPOLATION_MODE_LINEAR, nullptr);
  ASSERT_TRUE (gst_object_add_control_binding (
      GST_OBJECT (t.get ()),
      gst_direct_control_binding_new_absolute (GST_OBJECT (t.get ()), "yaw", source)));
  gst_timed_value_control_source_set (GST_TIMED_VALUE_CONTROL_SOURCE (source), 0, -20);
  gst_timed_value_control_source_set (GST_TIMED_VALUE_CONTROL_SOURCE (source),
                                      2 * GST_SECOND, 20);
  gst_object_unref (source);
  ASSERT_TRUE (p.run ()) << p.error.text;
  ASSERT_EQ (yaw.size (), 50u);
  for (int n = 0; n < 50; n++)
    EXPECT_NEAR (yaw[n], -20 + 40.0 * n / 50, 0.01) << n;
}

TEST (Properties, MayChangeAtAnyTime)
{
  TestBundle bundle, half (unchanged, TestBundle::none, 0.5f);
  TestPipeline p ("audiotestsrc samplesperbuffer=320 ! "
                  "audio/x-raw,rate=16000,channels=1 ! " +
                  bin (bundle) +
                  "t.src ! fakesink name=video t.audio_src ! fakesink name=audio");
  p.play ();
  auto t = p.get ("t");
  const gint64 end = g_get_monotonic_time () + 2 * G_USEC_PER_SEC;
  for (int n = 0; g_get_monotonic_time () < end; n++) {
    g_object_set (t.get (), "yaw", (float)(n % 40 - 20), "pose-mode", n % 4, "silence",
                  n % 2, "motion-scale", (n % 5) / 4.0f, "steps", n % 2 + 1,
                  "compute-time", n % 3 - 1, "provenance", n % 7 != 0, nullptr);
    if (n % 20 == 0)
      g_object_set (t.get (), "avatar", n % 40 ? half.c_str () : bundle.c_str (),
                    nullptr);
    g_autoptr (GstStructure) stats = nullptr;
    g_autofree gchar *avatar = nullptr;
    g_object_get (t.get (), "stats", &stats, "avatar", &avatar, nullptr);
    EXPECT_NE (stats, nullptr);
    read_uint64 (t.get (), "latency");
  }
  const BusError error = pop_error (p.bus);
  EXPECT_EQ (error.domain, 0u) << error.text;
  for (int wait = 0; p.arrivals ("video").count <= 20 && wait < 500; wait++)
    g_usleep (10 * 1000);
  EXPECT_GT (p.arrivals ("video").count, 20u);
}

// ---- another avatar ------------------------------------------------------------

// Red of the pictures that arrive within `timeout`, until it is not `old`.
int
wait_for_change (TestPipeline &p, int old, gint64 timeout)
{
  const gint64 end = g_get_monotonic_time () + timeout;
  while (g_get_monotonic_time () < end && p.arrivals ("video").first_byte == old)
    g_usleep (10 * 1000);
  return p.arrivals ("video").first_byte;
}

TEST (HotSwap, TheWholeBinChangesBetweenTwoFrames)
{
  // Silence: red is the rest latent's 0.25, times the gain.
  TestBundle bundle, half ({{"behaviour", {{"load_ms", 50}}}, {"license", "other"}},
                           TestBundle::none, 0.5f);
  TestPipeline p (live_sound (-1, bin (bundle)) +
                  "t.src ! fakesink name=video sync=true");
  g_object_set (p.get ("source").get (), "wave", 4, nullptr);
  p.play ();
  ASSERT_EQ (wait_for_change (p, -1, 30 * G_USEC_PER_SEC), 64);
  auto t = p.get ("t");
  g_object_set (t.get (), "avatar", half.c_str (), nullptr);
  EXPECT_EQ (wait_for_change (p, 64, 30 * G_USEC_PER_SEC), 32);
  const BusError error = pop_error (p.bus);
  EXPECT_EQ (error.domain, 0u) << error.text;
  g_autofree gchar *avatar = nullptr;
  g_object_get (t.get (), "avatar", &avatar, nullptr);
  EXPECT_EQ (avatar, half.path ());
  EXPECT_TRUE (p.arrivals ("video").in_order);
}

TEST (HotSwap, WhatOnePartCannotTakeNoPartTakes)
{
  const nlohmann::json wide = {{"width", 128}}, deaf = {{"encoder", {{"hash", "other"}}}},
                       stepless = {{"steps", {5}}};
  TestBundle bundle;
  const TestBundle wrong[] = {TestBundle (wide, TestBundle::none, 0.5f),
                              TestBundle (deaf, TestBundle::none, 0.5f),
                              TestBundle (stepless, TestBundle::none, 0.5f),
                              TestBundle (unchanged, TestBundle::wrong_hash, 0.5f)};
  TestPipeline p (live_sound (-1, bin (bundle)) +
                  "t.src ! fakesink name=video sync=true");
  g_object_set (p.get ("source").get (), "wave", 4, nullptr);
  p.play ();
  ASSERT_EQ (wait_for_change (p, -1, 30 * G_USEC_PER_SEC), 64);
  auto t = p.get ("t");
  for (const TestBundle &avatar : wrong) {
    g_object_set (t.get (), "avatar", avatar.c_str (), nullptr);
    g_autoptr (GstMessage) warning =
        gst_bus_timed_pop_filtered (p.bus, 30 * GST_SECOND, GST_MESSAGE_WARNING);
    ASSERT_NE (warning, nullptr);
    g_autofree gchar *now = nullptr;
    g_object_get (t.get (), "avatar", &now, nullptr);
    EXPECT_EQ (now, bundle.path ());
  }
  EXPECT_EQ (wait_for_change (p, 64, G_USEC_PER_SEC / 4), 64);
  const BusError error = pop_error (p.bus);
  EXPECT_EQ (error.domain, 0u) << error.text;
}

// ---- states --------------------------------------------------------------------

TEST (States, UpAndDownAHundredTimes)
{
  TestBundle bundle;
  TestPipeline p (live_sound (-1, bin (bundle)) +
                  "t.src ! fakesink name=video t.audio_src ! fakesink name=audio");
  for (int n = 0; n < 100; n++) {
    ASSERT_NE (gst_element_set_state (p.pipeline, GST_STATE_PLAYING),
               GST_STATE_CHANGE_FAILURE);
    g_usleep (n % 10 * 1000);
    ASSERT_NE (gst_element_set_state (p.pipeline,
                                      n % 3 == 0 ? GST_STATE_PAUSED : GST_STATE_READY),
               GST_STATE_CHANGE_FAILURE);
    ASSERT_NE (gst_element_set_state (p.pipeline, GST_STATE_NULL),
               GST_STATE_CHANGE_FAILURE);
  }
  const BusError error = pop_error (p.bus);
  EXPECT_EQ (error.domain, 0u) << error.text;
}

} // namespace
