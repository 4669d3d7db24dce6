// SPDX-License-Identifier: LGPL-2.1-or-later
//
// daerender: caps, pixel formats and strides, allocation, latency, QoS, errors.
#include <chrono>
#include <thread>

#include "gst/syntheticmeta.h"
#include "renderharness.h"

namespace {

// ---- caps ----------------------------------------------------------------------

// The caps that daerender chooses for downstream caps `wanted`.
std::string
negotiated (const TestBundle &bundle, const char *wanted, gint num = 25, gint den = 1)
{
  RenderHarness r (bundle);
  r.start ();
  gst_harness_set_sink_caps_str (r.h, wanted);
  r.set_caps ("", num, den);
  if (gst_harness_push (r.h, RenderHarness::new_latent (0.5, 0)) != GST_FLOW_OK)
    return "refused";
  g_autoptr (GstPad) src = gst_element_get_static_pad (r.element, "src");
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (src);
  EXPECT_TRUE (gst_caps_is_fixed (caps));
  g_autofree gchar *text = gst_caps_to_string (caps);
  return text;
}

bool
has (const std::string &text, const char *part)
{
  return text.find (part) != std::string::npos;
}

TEST (Caps, AreCompleteWhateverDownstreamAsks)
{
  TestBundle bundle;
  const std::string any = negotiated (bundle, "video/x-raw");
  for (const char *field :
       {"format=(string)RGBA", "width=(int)64", "height=(int)48",
        "framerate=(fraction)25/1", "pixel-aspect-ratio=(fraction)1/1",
        "colorimetry=(string)sRGB"})
    EXPECT_TRUE (has (any, field)) << field << " in " << any;
  const std::string yuv = negotiated (bundle, "video/x-raw,format=NV12");
  for (const char *field :
       {"format=(string)NV12", "colorimetry=(string)bt601", "chroma-site=(string)jpeg"})
    EXPECT_TRUE (has (yuv, field)) << field << " in " << yuv;
  EXPECT_TRUE (has (negotiated (bundle, "video/x-raw,format=I420,colorimetry=bt709"),
                    "colorimetry=(string)bt709"));
}

TEST (Caps, HighDefinitionIsBt709)
{
  TestBundle bundle ({{"width", 960}, {"height", 720}});
  EXPECT_TRUE (
      has (negotiated (bundle, "video/x-raw,format=I420"), "colorimetry=(string)bt709"));
  EXPECT_TRUE (has (negotiated (bundle, "video/x-raw,format=I420,colorimetry=bt601"),
                    "colorimetry=(string)bt601"));
}

TEST (Caps, RateIsTheStreamsAndNeverVariable)
{
  TestBundle bundle;
  const gint rates[][2] = {{24, 1}, {25, 1}, {30000, 1001}, {30, 1}, {50, 1}, {60, 1}};
  for (auto [num, den] : rates) {
    const std::string rate =
        "framerate=(fraction)" + std::to_string (num) + "/" + std::to_string (den);
    EXPECT_TRUE (has (negotiated (bundle, "video/x-raw", num, den), rate.c_str ()));
  }
  EXPECT_EQ (negotiated (bundle, "video/x-raw", 0, 1), "refused");
  EXPECT_EQ (negotiated (bundle, "video/x-raw,framerate=30/1", 25, 1), "refused");
  EXPECT_EQ (negotiated (bundle, "video/x-raw,width=640"), "refused");
  EXPECT_EQ (negotiated (bundle, "video/x-raw,pixel-aspect-ratio=2/1"), "refused");
}

TEST (Caps, LatentsAloneAreEnough)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  r.start ();
  gst_harness_set_src_caps_str (
      r.h, "other/tensors,format=static,num_tensors=1,types=float32,dimensions=(string)8,"
           "framerate=25/1");
  float latent[8] = {1};
  GstBuffer *buffer = gst_buffer_new_memdup (latent, sizeof (latent));
  GST_BUFFER_PTS (buffer) = 0;
  EXPECT_EQ (gst_harness_push (r.h, buffer), GST_FLOW_OK);
  EXPECT_EQ (gst_harness_buffers_received (r.h), 1u);
}

TEST (Caps, DownstreamOfAnyMemoryIsNotBlamedForAWrongPartner)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  r.start ();
  gst_harness_set_sink_caps_str (r.h, "video/x-raw(ANY)");
  r.set_caps ("another autoencoder");
  EXPECT_EQ (r.push (0.5, 0), GST_FLOW_NOT_NEGOTIATED);
  int errors = 0;
  for (BusError error = pop_error (r.bus); error.domain != 0; error = pop_error (r.bus)) {
    EXPECT_EQ (error.text.find ("GPU memory"), std::string::npos) << error.text;
    errors++;
  }
  EXPECT_GE (errors, 1);
}

// As from an appsrc with its defaults.
TEST (Caps, AStreamThatDoesNotCountInTimeIsDrawn)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  r.start ();
  r.set_caps ();
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  gst_harness_push_event (r.h, gst_event_new_segment (&segment));
  EXPECT_EQ (r.red_of (1.0f, 0), 255);
  EXPECT_EQ (r.red_of (0.0f, 1), 0);
}

// ---- pixels and strides --------------------------------------------------------

// Downstream's pool: rows padded to odd places.
GstPadProbeReturn
offer_padded_pool (GstPad *pad, GstPadProbeInfo *info, gpointer)
{
  (void)pad;
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);
  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return GST_PAD_PROBE_OK;
  GstCaps *caps;
  gst_query_parse_allocation (query, &caps, nullptr);
  GstVideoInfo video;
  EXPECT_TRUE (gst_video_info_from_caps (&video, caps));
  GstVideoAlignment align;
  gst_video_alignment_reset (&align);
  align.padding_left = 2;
  align.padding_right = 12;
  align.padding_top = 4;
  GstBufferPool *pool = gst_video_buffer_pool_new ();
  GstStructure *config = gst_buffer_pool_get_config (pool);
  gst_buffer_pool_config_set_params (config, caps, (guint)video.size, 0, 0);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
  gst_buffer_pool_config_set_video_alignment (config, &align);
  EXPECT_TRUE (gst_buffer_pool_set_config (pool, config));
  config = gst_buffer_pool_get_config (pool);
  guint size;
  gst_buffer_pool_config_get_params (config, nullptr, &size, nullptr, nullptr);
  gst_structure_free (config);
  gst_query_add_allocation_pool (query, pool, size, 0, 0);
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, nullptr);
  gst_object_unref (pool);
  return GST_PAD_PROBE_HANDLED;
}

struct FormatCase {
  const char *format;
  bool padded;
};

void
PrintTo (const FormatCase &c, std::ostream *out)
{
  *out << c.format << (c.padded ? " padded" : "");
}

class Formats : public testing::TestWithParam<FormatCase> {};

// Reads pixels through the frame's own strides; limited range BT.601 for YUV.
void
check_pixels (const GstVideoFrame &frame, int red)
{
  const GstVideoFormatInfo *format = frame.info.finfo;
  for (int y : {0, 1, 23, 46, 47}) {
    for (int x : {0, 1, 30, 62, 63}) {
      const double r = red, g = std::round (255.0 * x / 63),
                   b = std::round (255.0 * y / 47);
      auto at = [&] (int component) {
        const int sub_x = x >> GST_VIDEO_FORMAT_INFO_W_SUB (format, component);
        const int sub_y = y >> GST_VIDEO_FORMAT_INFO_H_SUB (format, component);
        return (int)((guint8 *)GST_VIDEO_FRAME_COMP_DATA (
            &frame, component))[sub_y * GST_VIDEO_FRAME_COMP_STRIDE (&frame, component) +
                                sub_x * GST_VIDEO_FRAME_COMP_PSTRIDE (&frame, component)];
      };
      if (GST_VIDEO_FORMAT_INFO_IS_RGB (format)) {
        EXPECT_EQ (at (0), r) << x << "," << y;
        EXPECT_EQ (at (1), g) << x << "," << y;
        EXPECT_EQ (at (2), b) << x << "," << y;
        continue;
      }
      EXPECT_NEAR (at (0), 16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255, 1);
      // Averaged over 2x2: half a step of the gradients (0.6 + 1.2), and rounding.
      EXPECT_NEAR (at (1), 128 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255, 2.3);
      EXPECT_NEAR (at (2), 128 + (112.0 * r - 93.786 * g - 18.214 * b) / 255, 2.3);
    }
  }
}

TEST_P (Formats, PixelsAreRightAtAnyStride)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  r.start ();
  if (GetParam ().padded)
    gst_pad_add_probe (r.h->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM,
                       offer_padded_pool, nullptr, nullptr);
  const std::string wanted = std::string ("video/x-raw,format=") + GetParam ().format;
  gst_harness_set_sink_caps_str (r.h, wanted.c_str ());
  r.set_caps ();
  for (int n = 0; n < 3; n++) {
    ASSERT_EQ (r.push (n / 2.0f, n), GST_FLOW_OK);
    g_autoptr (GstBuffer) buffer = gst_harness_try_pull (r.h);
    ASSERT_NE (buffer, nullptr);
    EXPECT_EQ (GST_BUFFER_PTS (buffer), n * 40 * GST_MSECOND);
    EXPECT_EQ (GST_BUFFER_DURATION (buffer), 40 * GST_MSECOND);
    g_autoptr (GstCaps) caps = gst_pad_get_current_caps (r.h->sinkpad);
    GstVideoInfo info;
    ASSERT_TRUE (gst_video_info_from_caps (&info, caps));
    GstVideoFrame frame;
    ASSERT_TRUE (gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ));
    EXPECT_EQ (GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0) != info.stride[0],
               GetParam ().padded);
    check_pixels (frame, n == 0 ? 0 : n == 1 ? 128 : 255);
    gst_video_frame_unmap (&frame);
  }
}

INSTANTIATE_TEST_SUITE_P (
    All, Formats,
    testing::Values (FormatCase{"RGBA", false}, FormatCase{"RGBx", false},
                     FormatCase{"BGRx", false}, FormatCase{"RGB", false},
                     FormatCase{"I420", false}, FormatCase{"NV12", false},
                     FormatCase{"RGBA", true}, FormatCase{"RGBx", true},
                     FormatCase{"BGRx", true}, FormatCase{"RGB", true},
                     FormatCase{"I420", true}, FormatCase{"NV12", true}),
    [] (const auto &param) {
      return param.param.format + std::string (param.param.padded ? "Padded" : "");
    });

TEST (Pixels, MatrixFollowsTheCaps)
{
  TestBundle bundle;
  int luma[2];
  const char *matrices[] = {"bt601", "bt709"};
  for (int i = 0; i < 2; i++) {
    RenderHarness r (bundle);
    r.start ();
    const std::string caps =
        std::string ("video/x-raw,format=I420,colorimetry=") + matrices[i];
    gst_harness_set_sink_caps_str (r.h, caps.c_str ());
    r.set_caps ();
    luma[i] = r.red_of (1, 0); // the first byte: luma of pure red
  }
  EXPECT_NEAR (luma[0], 16 + 0.299 * 219, 1);
  EXPECT_NEAR (luma[1], 16 + 0.2126 * 219, 1);
}

TEST (Allocation, OwnPoolIsReusedAndCarriesVideoMeta)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  r.start ();
  gst_harness_add_propose_allocation_meta (r.h, GST_VIDEO_META_API_TYPE, nullptr);
  r.set_caps ();
  const GstBufferPool *pool = nullptr;
  for (int n = 0; n < 20; n++) {
    ASSERT_EQ (r.push (0.5, n), GST_FLOW_OK);
    g_autoptr (GstBuffer) buffer = gst_harness_try_pull (r.h);
    ASSERT_NE (buffer->pool, nullptr);
    EXPECT_TRUE (pool == nullptr || pool == buffer->pool);
    pool = buffer->pool;
    EXPECT_NE (gst_buffer_get_video_meta (buffer), nullptr);
  }
}

nlohmann::json
slow_render (int ms)
{
  return {{"behaviour", {{"render_ms", ms}}}};
}

// A frame of a hundred steps that takes twenty seconds: nobody waits for it.
TEST (Frames, FlushAndStopInterruptALongOne)
{
  nlohmann::json changes = slow_render (200);
  changes["steps"] = {1, 100};
  TestBundle bundle (changes);
  for (const bool flush : {true, false}) {
    RenderHarness r (bundle);
    r.start ();
    r.set_caps ();
    g_object_set (r.element, "steps", 100, nullptr);
    GstFlowReturn flow = GST_FLOW_OK;
    std::thread pusher ([&] { flow = r.push (0.5, 0); });
    std::this_thread::sleep_for (std::chrono::milliseconds (300));
    const auto begin = std::chrono::steady_clock::now ();
    if (flush)
      gst_harness_push_event (r.h, gst_event_new_flush_start ());
    else
      gst_element_set_state (r.element, GST_STATE_NULL);
    pusher.join ();
    EXPECT_LT (std::chrono::steady_clock::now () - begin, std::chrono::seconds (10));
    EXPECT_EQ (flow, GST_FLOW_FLUSHING);
    EXPECT_EQ (gst_harness_try_pull (r.h), nullptr);
  }
}

// ---- latency -------------------------------------------------------------------

TEST (Latency, IsThePromiseInLivePipelinesOnly)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  g_object_set (r.element, "compute-time", 40, nullptr);
  r.start ();
  guint64 latency = 0;
  g_object_get (r.element, "latency", &latency, nullptr);
  EXPECT_EQ (latency, 40 * GST_MSECOND);
  gst_harness_set_live (r.h, TRUE);
  gst_harness_set_upstream_latency (r.h, 30 * GST_MSECOND);
  r.set_caps ();
  EXPECT_EQ (gst_harness_query_latency (r.h), 70 * GST_MSECOND);

  g_autoptr (GstQuery) query = gst_query_new_latency ();
  ASSERT_TRUE (gst_pad_peer_query (r.h->sinkpad, query));
  gboolean live;
  GstClockTime min, max;
  gst_query_parse_latency (query, &live, &min, &max);
  EXPECT_TRUE (live);
  EXPECT_EQ (max, GST_CLOCK_TIME_NONE);

  gst_harness_set_live (r.h, FALSE);
  ASSERT_TRUE (gst_pad_peer_query (r.h->sinkpad, query));
  gst_query_parse_latency (query, &live, &min, nullptr);
  EXPECT_FALSE (live);
  EXPECT_EQ (min, 30 * GST_MSECOND);
}

TEST (Latency, ChangesAreAnnounced)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  r.start ();
  gst_bus_set_flushing (r.bus, TRUE);
  gst_bus_set_flushing (r.bus, FALSE);
  g_object_set (r.element, "compute-time", 15, nullptr);
  g_autoptr (GstMessage) message = gst_bus_pop_filtered (r.bus, GST_MESSAGE_LATENCY);
  EXPECT_NE (message, nullptr);
}

TEST (Latency, IsMeasuredAndFollowsTheMeasurement)
{
  TestBundle slow (slow_render (5));
  RenderHarness r (slow);
  r.start ();
  guint64 latency = 0;
  g_object_get (r.element, "latency", &latency, nullptr);
  EXPECT_GE (latency, 5 * GST_MSECOND);

  // Another avatar of the same shape that takes more than twice as long.
  const int slower_ms = 10 + 2 * (int)(latency / GST_MSECOND);
  TestBundle slower (slow_render (slower_ms));
  r.set_caps ();
  g_object_set (r.element, "avatar", slower.c_str (), nullptr);
  for (int n = 0; n < 300 && latency < (guint64)slower_ms * GST_MSECOND; n++) {
    r.red_of (0.5, n);
    g_object_get (r.element, "latency", &latency, nullptr);
  }
  EXPECT_GE (latency, slower_ms * GST_MSECOND);
  g_autoptr (GstMessage) message = gst_bus_pop_filtered (r.bus, GST_MESSAGE_LATENCY);
  EXPECT_NE (message, nullptr);
}

TEST (Latency, ABrokenPromiseIsSaidOnceInAHundredFrames)
{
  TestBundle bundle (slow_render (3));
  RenderHarness r (bundle);
  g_object_set (r.element, "compute-time", 1, nullptr);
  r.start ();
  r.set_caps ();
  for (int n = 0; n < 5; n++)
    r.red_of (0.5, n);
  int count = 0;
  while (GstMessage *message = gst_bus_pop_filtered (r.bus, GST_MESSAGE_ELEMENT)) {
    const GstStructure *facts = gst_message_get_structure (message);
    if (gst_structure_has_name (facts, "daetalker-overload")) {
      guint64 spent = 0, promised = 0, frames = 0;
      EXPECT_TRUE (gst_structure_get (facts, "spent", G_TYPE_UINT64, &spent, "promised",
                                      G_TYPE_UINT64, &promised, "frames", G_TYPE_UINT64,
                                      &frames, nullptr));
      EXPECT_GE (spent, 3 * GST_MSECOND);
      EXPECT_EQ (promised, GST_MSECOND);
      EXPECT_EQ (frames, 1u);
      count++;
    }
    gst_message_unref (message);
  }
  EXPECT_EQ (count, 1);
}

// ---- QoS -----------------------------------------------------------------------

guint64
stat (GstElement *element, const char *name)
{
  g_autoptr (GstStructure) stats = nullptr;
  g_object_get (element, "stats", &stats, nullptr);
  guint64 value = G_MAXUINT64;
  EXPECT_TRUE (gst_structure_get_uint64 (stats, name, &value)) << name;
  return value;
}

TEST (Qos, LateFramesAreNotRenderedAndTimeGoesOn)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  r.start ();
  r.set_caps ();
  EXPECT_NE (r.red_of (0.5, 0), -1);
  // The sink is 100 ms behind at 200 ms: nothing before 400 ms is of use.
  gst_harness_push_upstream_event (r.h, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 1.5,
                                                           100 * GST_MSECOND,
                                                           200 * GST_MSECOND));
  guint64 frame = 1;
  while (r.red_of (0.5, frame) == -1 && frame < 100)
    frame++;
  EXPECT_GT (frame, 5u);
  EXPECT_LE (frame, 11u); // 440 ms at the latest
  EXPECT_EQ (stat (r.element, "rendered"), 2u);
  EXPECT_EQ (stat (r.element, "dropped"), frame - 1);

  guint messages = 0;
  while (GstMessage *message = gst_bus_pop_filtered (r.bus, GST_MESSAGE_QOS)) {
    guint64 dropped;
    gst_message_parse_qos_stats (message, nullptr, nullptr, &dropped);
    EXPECT_EQ (dropped, ++messages);
    gst_message_unref (message);
  }
  EXPECT_EQ (messages, frame - 1);

  // Time went on: the next picture has the latent's own time.
  ASSERT_EQ (r.push (0.5, frame + 1), GST_FLOW_OK);
  g_autoptr (GstBuffer) buffer = gst_harness_try_pull (r.h);
  EXPECT_EQ (GST_BUFFER_PTS (buffer), (frame + 1) * 40 * GST_MSECOND);
  EXPECT_EQ (GST_BUFFER_OFFSET (buffer), frame + 1);
}

// The viewer waits 100 ms: what cannot be drawn until then is not begun.
TEST (Qos, FramesThatWouldComeTooLateAreNotRendered)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  r.start ();
  gst_harness_use_testclock (r.h);
  r.set_caps ();
  gst_harness_push_upstream_event (r.h, gst_event_new_latency (100 * GST_MSECOND));
  gst_harness_set_time (r.h, 80 * GST_MSECOND);
  EXPECT_NE (r.red_of (0.5, 0), -1);
  gst_harness_push_upstream_event (r.h,
                                   gst_event_new_qos (GST_QOS_TYPE_OVERFLOW, 0.5, 0, 0));
  gst_harness_set_time (r.h, 210 * GST_MSECOND);
  EXPECT_EQ (r.red_of (0.5, 1), -1); // wanted at 140 ms
  EXPECT_EQ (r.red_of (0.5, 2), -1); // at 180 ms
  EXPECT_NE (r.red_of (0.5, 3), -1); // at 220 ms
  EXPECT_EQ (stat (r.element, "dropped"), 2u);

  g_object_set (r.element, "qos", FALSE, nullptr);
  gst_harness_set_time (r.h, 400 * GST_MSECOND);
  EXPECT_NE (r.red_of (0.5, 4), -1); // at 260 ms
}

TEST (Qos, OffOrFlushedNothingIsDropped)
{
  TestBundle bundle;
  for (bool off : {true, false}) {
    RenderHarness r (bundle);
    g_object_set (r.element, "qos", !off, nullptr);
    r.start ();
    r.set_caps ();
    gst_harness_push_upstream_event (
        r.h, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 1.5, GST_SECOND, GST_SECOND));
    if (!off) {
      gst_harness_push_event (r.h, gst_event_new_flush_start ());
      gst_harness_push_event (r.h, gst_event_new_flush_stop (TRUE));
      GstSegment segment;
      gst_segment_init (&segment, GST_FORMAT_TIME);
      gst_harness_push_event (r.h, gst_event_new_segment (&segment));
    }
    for (int n = 0; n < 5; n++)
      EXPECT_NE (r.red_of (0.5, n), -1);
    EXPECT_EQ (stat (r.element, "dropped"), 0u);
  }
}

// ---- segments and gaps ---------------------------------------------------------

// Picture by picture: no direction is special, and what upstream leaves out stays out.
TEST (Segments, OfAnyRateAndGapsPass)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  r.start ();
  r.set_caps ();
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = -1;
  segment.stop = GST_SECOND;
  gst_harness_push_event (r.h, gst_event_new_segment (&segment));
  for (guint64 frame : {20, 19, 18}) {
    ASSERT_EQ (r.push (1, frame), GST_FLOW_OK);
    g_autoptr (GstBuffer) buffer = gst_harness_try_pull (r.h);
    ASSERT_NE (buffer, nullptr);
    EXPECT_EQ (GST_BUFFER_PTS (buffer), frame * 40 * GST_MSECOND);
  }
  gst_harness_push_event (r.h, gst_event_new_gap (0, 720 * GST_MSECOND));
  double rate = 0;
  bool gap = false;
  while (GstEvent *event = gst_harness_try_pull_event (r.h)) {
    const GstSegment *passed = nullptr;
    if (GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT) {
      gst_event_parse_segment (event, &passed);
      rate = passed->rate;
    }
    gap |= GST_EVENT_TYPE (event) == GST_EVENT_GAP;
    gst_event_unref (event);
  }
  EXPECT_EQ (rate, -1);
  EXPECT_TRUE (gap);
  EXPECT_EQ (pop_error (r.bus).domain, 0u);
}

TEST (Stats, SayWhatHappened)
{
  TestBundle bundle (slow_render (3));
  RenderHarness r (bundle);
  g_object_set (r.element, "precision", "bfloat16", nullptr);
  r.start ();
  r.set_caps ();
  for (int n = 0; n < 10; n++)
    r.red_of (0.5, n);
  g_autoptr (GstStructure) stats = nullptr;
  g_object_get (r.element, "stats", &stats, nullptr);
  gdouble fps = 0, p50 = 0, p95 = 0, p99 = 0;
  ASSERT_TRUE (gst_structure_get (stats, "fps", G_TYPE_DOUBLE, &fps, "p50-ms",
                                  G_TYPE_DOUBLE, &p50, "p95-ms", G_TYPE_DOUBLE, &p95,
                                  "p99-ms", G_TYPE_DOUBLE, &p99, nullptr));
  EXPECT_GE (p50, 3);
  EXPECT_GE (p95, p50);
  EXPECT_GE (p99, p95);
  EXPECT_GT (fps, 1);
  EXPECT_LT (fps, 334);
  EXPECT_STREQ (gst_structure_get_string (stats, "device"), "cpu");
  EXPECT_STREQ (gst_structure_get_string (stats, "precision"), "bfloat16");
  EXPECT_EQ (stat (r.element, "rendered"), 10u);
}

// ---- still pictures ------------------------------------------------------------

TEST (Still, PicturesAreShownAgainWhileLatentsHardlyChange)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  g_object_set (r.element, "still-threshold", 0.05, nullptr); // 0.14 of one number in 8
  r.start ();
  r.set_caps ();
  EXPECT_EQ (r.red_of (0.50f, 0), 128);
  EXPECT_EQ (r.red_of (0.60f, 1), 128) << "near enough";
  EXPECT_EQ (r.red_of (0.63f, 2), 128) << "to what was drawn, not to the last";
  EXPECT_EQ (r.red_of (0.70f, 3), 178);
  EXPECT_EQ (stat (r.element, "rendered"), 2u);
  EXPECT_EQ (stat (r.element, "repeated"), 2u);

  g_object_set (r.element, "steps", 5, nullptr);
  EXPECT_EQ (r.red_of (0.70f, 4), 178);
  EXPECT_EQ (stat (r.element, "rendered"), 3u) << "in other steps";
  gst_harness_set_sink_caps_str (r.h, "video/x-raw,format=BGRx");
  gst_harness_push_upstream_event (r.h, gst_event_new_reconfigure ());
  EXPECT_EQ (r.push (0.70f, 5), GST_FLOW_OK);
  EXPECT_EQ (stat (r.element, "rendered"), 4u) << "in another format";
}

TEST (Still, RepeatedPicturesAreMarkedAndHaveTheirOwnTimes)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  g_object_set (r.element, "still-threshold", 0.05, nullptr);
  r.start ();
  r.set_caps ();
  for (guint64 frame = 0; frame < 3; frame++) {
    ASSERT_EQ (r.push (0.5f, frame), GST_FLOW_OK);
    g_autoptr (GstBuffer) buffer = gst_harness_try_pull (r.h);
    EXPECT_EQ (GST_BUFFER_PTS (buffer), frame * 40 * GST_MSECOND);
    EXPECT_NE (gst_buffer_get_custom_meta (buffer, DAETALKER_SYNTHETIC_META), nullptr);
  }
  EXPECT_EQ (stat (r.element, "repeated"), 2u);
}

} // namespace
