// SPDX-License-Identifier: LGPL-2.1-or-later
//
// daeencode: caps, values at any stride, latency, errors, and the way back
// through daerender.
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
}

TEST (Encode, MissingAvatarIsAnErrorAtReady)
{
  TestBundle bundle;
  ElementHarness e ("daeencode", bundle);
  g_object_set (e.element, "avatar", "/nowhere/at/all", nullptr);
  EXPECT_EQ (gst_element_set_state (e.element, GST_STATE_READY),
             GST_STATE_CHANGE_FAILURE);
  const BusError error = pop_error (e.bus);
  EXPECT_EQ (error.domain, GST_RESOURCE_ERROR);
  EXPECT_EQ (error.code, GST_RESOURCE_ERROR_NOT_FOUND);
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

int
main (int argc, char **argv)
{
  return run_element_tests (argc, argv);
}
