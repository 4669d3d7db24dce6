// SPDX-License-Identifier: LGPL-2.1-or-later
//
// daerender with `batch`: several pictures are drawn together, and nothing else is
// different.
#include "renderharness.h"

namespace {

// Four pictures are best drawn together.
nlohmann::json
by_fours (nlohmann::json behaviour = nlohmann::json::object ())
{
  behaviour["at_once"] = 4;
  return {{"behaviour", behaviour}};
}

class FileHarness : public RenderHarness {
public:
  explicit FileHarness (const TestBundle &bundle, bool live = false, bool batch = true)
      : RenderHarness (bundle)
  {
    g_object_set (element, "batch", batch, nullptr);
    start ();
    gst_harness_set_live (h, live);
    set_caps ();
  }

  // Those whose latents have these reds, from frame number `first` on.
  void push_all (const std::vector<float> &reds, guint64 first = 0)
  {
    for (float red : reds)
      EXPECT_EQ (push (red, first++), GST_FLOW_OK);
  }

  guint received () const { return gst_harness_buffers_received (h); }

  // Of everything that came out: pictures' reds, whose times are those of their frames.
  std::vector<int> take (guint64 first = 0)
  {
    std::vector<int> reds;
    while (GstBuffer *buffer = gst_harness_try_pull (h)) {
      guint8 red = 0;
      gst_buffer_extract (buffer, 0, &red, 1);
      EXPECT_EQ (GST_BUFFER_PTS (buffer), (first + reds.size ()) * 40 * GST_MSECOND);
      EXPECT_EQ (GST_BUFFER_DURATION (buffer), 40 * GST_MSECOND);
      reds.push_back (red);
      gst_buffer_unref (buffer);
    }
    return reds;
  }
};

TEST (Lots, OfAFileLeaveTogetherAndTheEndWaitsForNone)
{
  TestBundle bundle (by_fours ());
  FileHarness r (bundle);
  const std::vector<guint> expected = {0, 0, 0, 4, 4, 4, 4, 8, 8, 8};
  for (guint frame = 0; frame < 10; frame++) {
    r.push_all ({0.1f * (float)frame}, frame);
    EXPECT_EQ (r.received (), expected[frame]) << frame;
  }
  gst_harness_push_event (r.h, gst_event_new_eos ());
  EXPECT_EQ (r.take (), (std::vector<int>{0, 26, 51, 77, 102, 128, 153, 178, 204, 230}));
}

TEST (Lots, AreOfOneInALiveStreamOrUnasked)
{
  TestBundle bundle (by_fours ());
  for (const bool live : {true, false}) {
    FileHarness r (bundle, live, live);
    for (guint frame = 0; frame < 5; frame++) {
      r.push_all ({0.5f}, frame);
      EXPECT_EQ (r.received (), frame + 1);
    }
  }
}

GstPadProbeReturn
offer_few (GstPad *, GstPadProbeInfo *info, gpointer)
{
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);
  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return GST_PAD_PROBE_OK;
  GstCaps *caps;
  GstVideoInfo video;
  gst_query_parse_allocation (query, &caps, nullptr);
  EXPECT_TRUE (gst_video_info_from_caps (&video, caps));
  g_autoptr (GstBufferPool) pool = gst_video_buffer_pool_new ();
  gst_query_add_allocation_pool (query, pool, (guint)video.size, 2, 2);
  return GST_PAD_PROBE_HANDLED;
}

// From the start, or from the middle of a lot on.
TEST (Lots, AreOfOneWhereDownstreamHasFewPictures)
{
  TestBundle bundle (by_fours ());
  for (const guint64 many : {0, 2}) {
    FileHarness r (bundle);
    for (guint64 frame = 0; frame < many; frame++)
      r.push_all ({0.2f}, frame);
    gst_pad_add_probe (r.h->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, offer_few,
                       nullptr, nullptr);
    gst_harness_push_upstream_event (r.h, gst_event_new_reconfigure ());
    r.push_all ({0.2f}, many);
    EXPECT_EQ (r.take (), std::vector<int> (many + 1, 51)) << "it came at once";
    for (guint64 frame = many + 1; frame < many + 6; frame++) {
      r.push_all ({0.2f}, frame);
      EXPECT_EQ (r.take (frame), std::vector<int>{51});
    }
  }
}

TEST (Lots, SayAtTheEndThatNobodyTakesThem)
{
  TestBundle bundle (by_fours ());
  FileHarness r (bundle);
  r.push_all ({0.2f, 0.4f});
  gst_pad_unlink (GST_PAD_PEER (r.h->sinkpad), r.h->sinkpad);
  gst_harness_push_event (r.h, gst_event_new_eos ());
  EXPECT_EQ (pop_error (r.bus).domain, GST_STREAM_ERROR);
}

TEST (Lots, LeaveBeforeWhatComesBehindThem)
{
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.start = segment.time = segment.position = GST_SECOND;
  TestBundle bundle (by_fours ());
  for (GstEvent *event : {gst_event_new_gap (80 * GST_MSECOND, 40 * GST_MSECOND),
                          gst_event_new_segment (&segment),
                          gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM,
                                                gst_structure_new_empty ("something"))}) {
    FileHarness r (bundle);
    r.push_all ({0.2f, 0.4f});
    EXPECT_EQ (r.received (), 0u);
    EXPECT_TRUE (gst_harness_push_event (r.h, event));
    EXPECT_EQ (r.take (), (std::vector<int>{51, 102}));
  }
}

TEST (Lots, LeaveBeforeADiscontinuity)
{
  TestBundle bundle (by_fours ());
  FileHarness r (bundle);
  r.push_all ({0.2f, 0.4f});
  GstBuffer *later = RenderHarness::new_latent (0.6f, 50);
  GST_BUFFER_FLAG_SET (later, GST_BUFFER_FLAG_DISCONT);
  EXPECT_EQ (gst_harness_push (r.h, later), GST_FLOW_OK);
  EXPECT_EQ (r.take (), (std::vector<int>{51, 102}));
  r.push_all ({0.6f, 0.6f, 0.6f}, 51);
  EXPECT_EQ (r.take (50), (std::vector<int>{153, 153, 153, 153}));
}

TEST (Lots, AreForgottenByAFlushAndAStop)
{
  TestBundle bundle (by_fours ());
  FileHarness r (bundle);
  r.push_all ({0.2f, 0.4f});
  gst_harness_push_event (r.h, gst_event_new_flush_start ());
  gst_harness_push_event (r.h, gst_event_new_flush_stop (TRUE));
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (r.h, gst_event_new_segment (&segment));
  r.push_all ({0.6f, 0.6f, 0.6f, 0.6f});
  EXPECT_EQ (r.take (), (std::vector<int>{153, 153, 153, 153}));
  r.push_all ({0.2f}, 4);
  EXPECT_EQ (gst_element_set_state (r.element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  EXPECT_EQ (r.received (), 4u);
}

TEST (Lots, ShowAgainWhatHardlyChanges)
{
  TestBundle bundle (by_fours ());
  FileHarness r (bundle);
  g_object_set (r.element, "still-threshold", 0.05, nullptr); // 0.14 of one number in 8
  r.push_all ({0.50f, 0.60f, 0.70f, 0.63f, 0.63f, 0.2f, 0.2f, 0.2f});
  EXPECT_EQ (r.take (), (std::vector<int>{128, 128, 178, 178, 178, 51, 51, 51}));
  g_autoptr (GstStructure) stats = nullptr;
  g_object_get (r.element, "stats", &stats, nullptr);
  guint64 rendered = 0, repeated = 0;
  ASSERT_TRUE (gst_structure_get (stats, "rendered", G_TYPE_UINT64, &rendered, "repeated",
                                  G_TYPE_UINT64, &repeated, nullptr));
  EXPECT_EQ (rendered, 3u);
  EXPECT_EQ (repeated, 5u);
}

TEST (Lots, WithAFaultEndTheStream)
{
  // The frame of the warm-up counts.
  TestBundle bundle (by_fours (
      {{"fault_stage", "render"}, {"fault_kind", "failed"}, {"fault_frame", 3}}));
  FileHarness r (bundle);
  r.push_all ({0.2f, 0.4f, 0.6f});
  EXPECT_EQ (r.push (0.8f, 3), GST_FLOW_ERROR);
  EXPECT_EQ (pop_error (r.bus).domain, GST_LIBRARY_ERROR);
  EXPECT_EQ (r.received (), 0u);
}

} // namespace
