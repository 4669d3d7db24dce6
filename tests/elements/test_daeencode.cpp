// SPDX-License-Identifier: LGPL-2.1-or-later
//
// daeencode: caps, values at any stride, latency, errors, and the way back
// through daerender.
#include <atomic>
#include <thread>

#include "renderharness.h"

namespace {

GstBuffer *
new_picture (guint8 red, guint64 frame, int stride)
{
  const int width = 64, height = 48;
  GstBuffer *buffer = gst_buffer_new_allocate (nullptr, (gsize)stride * height, nullptr);
  GstMapInfo map;
  EXPECT_TRUE (gst_buffer_map (buffer, &map, GST_MAP_WRITE));
  memset (map.data, 77, map.size);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      map.data[y * stride + 3 * x] = red;
  gst_buffer_unmap (buffer, &map);
  gsize offsets[4] = {0};
  gint strides[4] = {stride};
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_RGB,
                                  width, height, 1, offsets, strides);
  GST_BUFFER_PTS (buffer) = frame * 40 * GST_MSECOND;
  GST_BUFFER_DURATION (buffer) = 40 * GST_MSECOND;
  GST_BUFFER_OFFSET (buffer) = frame;
  return buffer;
}

constexpr const char *picture_caps = "video/x-raw,format=RGB,width=64,height=48,"
                                     "framerate=25/1,pixel-aspect-ratio=1/1";

TEST (Encode, OneMemoryForEachTensorAndTheCapsSayWhose)
{
  TestBundle bundle;
  ElementHarness e ("daeencode", bundle);
  e.start ();
  gst_harness_set_src_caps_str (e.h, picture_caps);
  for (int stride : {192, 200, 237}) {
    ASSERT_EQ (gst_harness_push (e.h, new_picture (51, 3, stride)), GST_FLOW_OK);
    g_autoptr (GstBuffer) buffer = gst_harness_pull (e.h);
    ASSERT_EQ (gst_buffer_n_memory (buffer), 2u);
    float values[11];
    ASSERT_EQ (gst_buffer_extract (buffer, 0, values, sizeof (values)), sizeof (values));
    EXPECT_NEAR (values[0], 0.2, 1e-6) << stride;
    EXPECT_EQ (values[8], 1); // the rest pose
    EXPECT_EQ (values[10], 3);
    EXPECT_EQ (GST_BUFFER_PTS (buffer), 120 * GST_MSECOND);
    EXPECT_EQ (GST_BUFFER_OFFSET (buffer), 3u);
  }
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (e.h->sinkpad);
  TensorCaps parsed;
  ASSERT_TRUE (daetalker_tensor_caps_parse (caps, 2, &parsed, nullptr));
  EXPECT_EQ (parsed.size, 8u);
  EXPECT_EQ (parsed.rate_num, 25);
  EXPECT_STREQ (parsed.tensor_id, DAETALKER_LATENT_ID);
  EXPECT_EQ (parsed.model_hash, hash_of (bundle));
}

TEST (Encode, OffersVideoMetaAndAPoolUpstream)
{
  TestBundle bundle;
  ElementHarness e ("daeencode", bundle);
  e.start ();
  gst_harness_set_src_caps_str (e.h, picture_caps);
  g_autoptr (GstCaps) caps = gst_caps_from_string (picture_caps);
  g_autoptr (GstQuery) query = gst_query_new_allocation (caps, TRUE);
  ASSERT_TRUE (gst_pad_peer_query (e.h->srcpad, query));
  EXPECT_TRUE (gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, nullptr));
  EXPECT_EQ (gst_query_get_n_allocation_pools (query), 1u);
}

TEST (Encode, LatencyIsThePromise)
{
  TestBundle bundle;
  ElementHarness e ("daeencode", bundle);
  g_object_set (e.element, "compute-time", 12, nullptr);
  e.start ();
  gst_harness_set_live (e.h, TRUE);
  gst_harness_set_upstream_latency (e.h, 40 * GST_MSECOND);
  gst_harness_set_src_caps_str (e.h, picture_caps);
  EXPECT_EQ (gst_harness_query_latency (e.h), 52 * GST_MSECOND);
}

TEST (Encode, OtherSizesAreRefused)
{
  TestBundle bundle;
  ElementHarness e ("daeencode", bundle);
  e.start ();
  gst_harness_set_src_caps_str (e.h, "video/x-raw,format=RGB,width=65,height=48,"
                                     "framerate=25/1,pixel-aspect-ratio=1/1");
  EXPECT_EQ (gst_harness_push (e.h, new_picture (1, 0, 192)), GST_FLOW_NOT_NEGOTIATED);
  const BusError error = pop_error (e.bus);
  EXPECT_EQ (error.domain, GST_CORE_ERROR);
  EXPECT_EQ (error.code, GST_CORE_ERROR_NEGOTIATION);
  for (const char *words : {"65x48", "64x48", "videoscale", bundle.c_str ()})
    EXPECT_NE (error.text.find (words), std::string::npos) << error.text;
}

TEST (Encode, OtherFormatsAreRefused)
{
  TestBundle bundle;
  for (const char *caps : {"video/x-raw,format=I420,width=64,height=48,framerate=25/1,"
                           "pixel-aspect-ratio=1/1",
                           "video/x-raw,format=RGB,width=64,height=48,framerate=25/1,"
                           "pixel-aspect-ratio=2/1",
                           "audio/x-raw"}) {
    ElementHarness e ("daeencode", bundle);
    e.start ();
    gst_harness_set_src_caps_str (e.h, caps);
    EXPECT_EQ (gst_harness_push (e.h, new_picture (1, 0, 192)), GST_FLOW_NOT_NEGOTIATED)
        << caps;
  }
}

void
expect_refused (ElementHarness &e, GQuark domain, gint code, const char *words)
{
  EXPECT_EQ (gst_element_set_state (e.element, GST_STATE_READY),
             GST_STATE_CHANGE_FAILURE);
  const BusError error = pop_error (e.bus);
  EXPECT_EQ (error.domain, domain) << error.text;
  EXPECT_EQ (error.code, code) << error.text;
  EXPECT_NE (error.text.find (words), std::string::npos) << error.text;
  EXPECT_EQ (gst_element_set_state (e.element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
}

TEST (Encode, BadAvatarsAreAnErrorAtReady)
{
  const struct {
    TestBundle::Damage damage;
    gint code; // of GST_RESOURCE_ERROR
    const char *words;
  } cases[] = {
      {TestBundle::no_json, GST_RESOURCE_ERROR_NOT_FOUND, "avatar.json"},
      {TestBundle::no_weights, GST_RESOURCE_ERROR_NOT_FOUND, "weights.bin"},
      {TestBundle::bad_json, GST_RESOURCE_ERROR_READ, "avatar.json"},
      {TestBundle::truncated, GST_RESOURCE_ERROR_READ, "weights.bin"},
      {TestBundle::wrong_hash, GST_RESOURCE_ERROR_READ, "weights.bin"},
      {TestBundle::nan_weight, GST_RESOURCE_ERROR_READ, "NaN"},
      {TestBundle::no_consent, GST_RESOURCE_ERROR_NOT_AUTHORIZED, "allow-unconsented"},
  };
  for (const auto &one : cases) {
    TestBundle bundle (nlohmann::json::object (), one.damage);
    ElementHarness e ("daeencode", bundle);
    expect_refused (e, GST_RESOURCE_ERROR, one.code, one.words);
  }
  TestBundle bundle;
  ElementHarness e ("daeencode", bundle);
  g_object_set (e.element, "avatar", "/nowhere/at/all", nullptr);
  expect_refused (e, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "/nowhere/at/all");
  g_object_set (e.element, "avatar", bundle.c_str (), "device", "cuda:7", nullptr);
  expect_refused (e, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "cuda:7");
}

TEST (Encode, FaultsInTheMiddleEndTheStreamAndTheElementStartsAgain)
{
  const std::pair<const char *, std::pair<GQuark, gint>> faults[] = {
      {"bad_alloc", {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT}},
      {"exception", {GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED}}};
  for (const auto &[kind, expected] : faults) {
    // The two frames of the warm-up count.
    const nlohmann::json changes = {
        {"behaviour",
         {{"fault_stage", "encode"}, {"fault_kind", kind}, {"fault_frame", 3}}}};
    TestBundle bundle (changes);
    ElementHarness e ("daeencode", bundle);
    for (int again = 0; again < 2; again++) {
      e.start ();
      gst_harness_set_src_caps_str (e.h, picture_caps);
      EXPECT_EQ (gst_harness_push (e.h, new_picture (1, 0, 192)), GST_FLOW_OK);
      EXPECT_EQ (gst_harness_push (e.h, new_picture (1, 1, 192)), GST_FLOW_ERROR);
      const BusError error = pop_error (e.bus);
      EXPECT_EQ (error.domain, expected.first) << kind;
      EXPECT_EQ (error.code, expected.second) << kind;
      gst_harness_teardown (std::exchange (e.h, nullptr));
      gst_element_set_state (e.element, GST_STATE_NULL);
    }
  }
}

TEST (Encode, LateFramesAreNotEncodedAndTimeGoesOn)
{
  TestBundle bundle;
  ElementHarness e ("daeencode", bundle);
  e.start ();
  gst_harness_set_src_caps_str (e.h, picture_caps);
  ASSERT_EQ (gst_harness_push (e.h, new_picture (1, 0, 192)), GST_FLOW_OK);
  // The sink is 100 ms behind at 200 ms: nothing before 400 ms is of use.
  gst_harness_push_upstream_event (e.h, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 1.5,
                                                           100 * GST_MSECOND,
                                                           200 * GST_MSECOND));
  for (guint64 frame = 1; frame < 20; frame++)
    ASSERT_EQ (gst_harness_push (e.h, new_picture (1, frame, 192)), GST_FLOW_OK);
  g_autoptr (GstStructure) stats = nullptr;
  g_object_get (e.element, "stats", &stats, nullptr);
  guint64 encoded = 0, dropped = 0;
  ASSERT_TRUE (gst_structure_get_uint64 (stats, "encoded", &encoded));
  ASSERT_TRUE (gst_structure_get_uint64 (stats, "dropped", &dropped));
  EXPECT_EQ (encoded + dropped, 20u);
  EXPECT_GE (dropped, 5u);
  EXPECT_LE (dropped, 10u); // 440 ms at the latest
  EXPECT_EQ (gst_harness_buffers_received (e.h), encoded);
  GstBuffer *last = nullptr;
  while (GstBuffer *buffer = gst_harness_try_pull (e.h)) {
    gst_clear_buffer (&last);
    last = buffer;
  }
  EXPECT_EQ (GST_BUFFER_PTS (last), 19 * 40 * GST_MSECOND);
  gst_buffer_unref (last);
}

// What is set in READY counts: gst-inspect-1.0 says so.
TEST (Encode, SettingsOfReadyCountAtTheNextStart)
{
  TestBundle bundle, other (nlohmann::json::object (), TestBundle::none, 0.5f);
  ElementHarness e ("daeencode", bundle);
  gst_element_set_state (e.element, GST_STATE_READY);
  g_object_set (e.element, "device", "cuda:7", nullptr);
  EXPECT_EQ (gst_element_set_state (e.element, GST_STATE_PAUSED),
             GST_STATE_CHANGE_FAILURE);
  EXPECT_EQ (pop_error (e.bus).code, GST_RESOURCE_ERROR_NOT_FOUND);
  g_object_set (e.element, "device", "cpu", "avatar", other.c_str (), nullptr);
  e.start ();
  gst_harness_set_src_caps_str (e.h, picture_caps);
  ASSERT_EQ (gst_harness_push (e.h, new_picture (1, 0, 192)), GST_FLOW_OK);
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (e.h->sinkpad);
  EXPECT_EQ (gst_structure_get_string (gst_caps_get_structure (caps, 0), "model-hash"),
             hash_of (other));
}

TEST (Encode, PropertiesMayChangeAtAnyTime)
{
  TestBundle bundle, other (nlohmann::json::object (), TestBundle::none, 0.5f);
  ElementHarness e ("daeencode", bundle);
  e.start ();
  gst_harness_set_src_caps_str (e.h, picture_caps);
  std::atomic<bool> stop{false};
  std::thread changer ([&] {
    for (int n = 0; !stop; n++) {
      g_object_set (e.element, "compute-time", n % 2 ? -1 : 5, "qos", n % 2, "avatar",
                    n % 3 ? other.c_str () : bundle.c_str (), "threads", n % 4, nullptr);
      g_autoptr (GstStructure) stats = nullptr;
      g_autofree gchar *avatar = nullptr;
      guint64 latency;
      g_object_get (e.element, "stats", &stats, "avatar", &avatar, "latency", &latency,
                    nullptr);
      gst_bus_set_flushing (e.bus, TRUE);
      gst_bus_set_flushing (e.bus, FALSE);
    }
  });
  for (guint64 n = 0; n < 2000; n++) {
    ASSERT_EQ (gst_harness_push (e.h, new_picture (51, n, 192)), GST_FLOW_OK);
    g_autoptr (GstBuffer) buffer = gst_harness_pull (e.h);
    float red = 0;
    gst_buffer_extract (buffer, 0, &red, sizeof (red));
    EXPECT_NEAR (red, 0.2, 1e-6) << "a running stream keeps its avatar";
  }
  stop = true;
  changer.join ();
}

TEST (Encode, StatesUpAndDownAHundredTimes)
{
  TestBundle bundle;
  ElementHarness e ("daeencode", bundle);
  for (int n = 0; n < 100; n++)
    for (GstState state : {GST_STATE_READY, GST_STATE_PLAYING, GST_STATE_NULL})
      ASSERT_EQ (gst_element_set_state (e.element, state), GST_STATE_CHANGE_SUCCESS);
}

// The line of the manual: any video, through the encoder and back.
TEST (Encode, LinksBehindConvertersAndBeforeTheRenderer)
{
  require_plugins ({"coreelements", "videotestsrc", "videoconvertscale"});
  TestBundle bundle;
  const std::string line =
      "videotestsrc num-buffers=30 pattern=solid-color foreground-color=0xff3380ff ! "
      "video/x-raw,format=I420,width=400,height=300,framerate=30000/1001 ! "
      "videoconvert ! videoscale ! daeencode avatar=" +
      bundle.path () + " ! daerender avatar=" + bundle.path () +
      " ! video/x-raw,format=RGBA ! fakesink name=sink sync=false";
  g_autoptr (GError) error = nullptr;
  g_autoptr (GstElement) pipeline = gst_parse_launch (line.c_str (), &error);
  ASSERT_EQ (error, nullptr) << error->message;
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (
      bus, 30 * GST_SECOND, GstMessageType (GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
  ASSERT_NE (message, nullptr);
  EXPECT_EQ (GST_MESSAGE_TYPE (message), GST_MESSAGE_EOS);
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_autoptr (GstSample) sample = nullptr;
  g_object_get (sink, "last-sample", &sample, nullptr);
  ASSERT_NE (sample, nullptr);
  guint8 red = 0;
  gst_buffer_extract (gst_sample_get_buffer (sample), 0, &red, 1);
  EXPECT_NEAR (red, 0x33, 4); // it went through YUV
  EXPECT_EQ (GST_BUFFER_PTS (gst_sample_get_buffer (sample)),
             gst_util_uint64_scale (29, GST_SECOND * 1001, 30000));
  gst_element_set_state (pipeline, GST_STATE_NULL);
}

} // namespace
