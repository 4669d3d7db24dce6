// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Segments, flushes, discontinuities, gaps, the end of the stream.
#include "speechharness.h"

namespace {

const char *whole = "speechfeatures name=f ! speech2latent name=l";

std::vector<float>
tone (guint64 count)
{
  return std::vector<float> (count, 0.5f);
}

TEST (SpeechEvents, EndOfStreamSendsWhatIsHeldBack)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.start ();
  t.push (tone (16000));
  const gsize before = t.take ().size ();
  EXPECT_LT (before, 25u) << "the look-ahead holds frames back";
  t.eos ();
  EXPECT_EQ (before + t.take ().size (), 25u);
  g_autoptr (GstEvent) event = nullptr;
  bool eos = false;
  while ((event = gst_harness_try_pull_event (t.h)) != nullptr) {
    eos |= GST_EVENT_TYPE (event) == GST_EVENT_EOS;
    g_clear_pointer (&event, gst_event_unref);
  }
  EXPECT_TRUE (eos);
}

// As of a part that is played again and again.
TEST (SpeechEvents, TheEndOfASegmentSendsWhatIsHeldBackBeforeIt)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.start ();
  t.push (tone (16000));
  t.push_event (gst_event_new_segment_done (GST_FORMAT_TIME, GST_SECOND));
  EXPECT_EQ (t.take ().size (), 25u);
  bool done = false;
  while (GstEvent *event = gst_harness_try_pull_event (t.h)) {
    done |= GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT_DONE;
    gst_event_unref (event);
  }
  EXPECT_TRUE (done);
  t.push_segment (0);
  t.push_at (0, tone (8000));
  t.eos ();
  EXPECT_EQ (t.take ().size (), 13u) << "the next one begins anew";
}

TEST (SpeechEvents, EndOfStreamWithoutSpeech)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.start ();
  t.eos ();
  EXPECT_EQ (t.take ().size (), 0u);
  EXPECT_EQ (pop_error (t.bus).domain, 0u);
}

TEST (SpeechEvents, FlushForgetsEverything)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.start ();
  t.push (tone (16000));
  t.take ();
  t.push_event (gst_event_new_flush_start ());
  EXPECT_EQ (t.push_at (GST_SECOND, tone (320)), GST_FLOW_FLUSHING);
  t.push_event (gst_event_new_flush_stop (TRUE));
  EXPECT_EQ (t.take ().size (), 0u) << "nothing held back comes out";
  t.push_segment (0);
  t.push_at (5 * GST_SECOND, std::vector<float> (16000, 0.0f));
  t.eos ();
  const auto frames = t.take ();
  ASSERT_EQ (frames.size (), 25u);
  EXPECT_EQ (frames[0].pts, 5 * GST_SECOND);
  EXPECT_EQ (frames[0].offset, 0u);
  EXPECT_TRUE (frames[0].discont);
  for (const TestFrame &frame : frames)
    EXPECT_EQ (frame.values[1], 0) << "the tone before the flush is still heard";
}

TEST (SpeechEvents, NewSegmentEndsTheOldOne)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.start ();
  t.push_at (0, tone (16000));
  t.push_segment (0);
  t.push_at (0, tone (8000));
  t.eos ();
  const auto frames = t.take ();
  ASSERT_EQ (frames.size (), 38u);
  EXPECT_EQ (frames[24].pts, 960 * GST_MSECOND) << "the old one is whole";
  EXPECT_EQ (frames[25].pts, 0u);
  EXPECT_TRUE (frames[25].discont);
}

TEST (SpeechEvents, SegmentsAreClippedAndScaledByDownstream)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.start ();
  t.push_segment (GST_SECOND / 2, 2.0);
  t.push_at (0, tone (32000)); // half a second of it lies before the segment
  t.eos ();
  const auto frames = t.take ();
  ASSERT_EQ (frames.size (), 38u) << "1.5 s";
  EXPECT_EQ (frames[0].pts, GST_SECOND / 2);

  bool found = false;
  while (GstEvent *event = gst_harness_try_pull_event (t.h)) {
    const GstSegment *segment = nullptr;
    if (GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT)
      gst_event_parse_segment (event, &segment);
    found |=
        segment != nullptr && segment->rate == 2.0 && segment->start == GST_SECOND / 2;
    gst_event_unref (event);
  }
  EXPECT_TRUE (found) << "the segment passes through";
}

TEST (SpeechEvents, BackwardsIsRefused)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.start ();
  t.push (tone (3200));
  EXPECT_FALSE (gst_harness_push_upstream_event (
      t.h, gst_event_new_seek (-1, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
                               GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_SET, GST_SECOND)));
  EXPECT_EQ (pop_error (t.bus).domain, 0u) << "a refused seek is no error";
  t.push_segment (0, -1);
  const BusError error = pop_error (t.bus);
  EXPECT_EQ (error.domain, GST_STREAM_ERROR);
  EXPECT_EQ (error.code, GST_STREAM_ERROR_NOT_IMPLEMENTED);
}

TEST (SpeechEvents, BytesSegmentsCountFromZero)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.start ();
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  t.push_event (gst_event_new_segment (&segment));
  t.push_at (GST_CLOCK_TIME_NONE, tone (8000));
  t.push_at (GST_CLOCK_TIME_NONE, tone (8000));
  t.eos ();
  const auto frames = t.take ();
  ASSERT_EQ (frames.size (), 25u);
  EXPECT_EQ (frames[24].pts, 960 * GST_MSECOND);
}

TEST (SpeechEvents, JitterIsIgnored)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.start ();
  for (guint64 i = 0; i < 50; i++) {
    const GstClockTime jitter = i % 3 * 15 * GST_MSECOND;
    t.push_at (i * 20 * GST_MSECOND + jitter, tone (320));
  }
  t.eos ();
  const auto frames = t.take ();
  ASSERT_EQ (frames.size (), 25u);
  for (guint64 k = 0; k < 25; k++) {
    EXPECT_EQ (frames[k].pts, k * 40 * GST_MSECOND);
    EXPECT_EQ (frames[k].discont, k == 0);
  }
}

TEST (SpeechEvents, DiscontFlagAloneIsNoJump)
{
  TestBundle bundle;
  SpeechHarness plain (bundle, whole), flagged (bundle, whole);
  for (SpeechHarness *t : {&plain, &flagged}) {
    t->start ();
    for (guint64 i = 0; i < 50; i++)
      t->push_at (i * 20 * GST_MSECOND, ramp (320, i * 320),
                  t == &flagged && i == 20 ? GST_BUFFER_FLAG_DISCONT : 0);
    t->eos ();
  }
  const auto a = plain.take (), b = flagged.take ();
  ASSERT_EQ (a.size (), b.size ());
  for (gsize i = 0; i < a.size (); i++)
    EXPECT_EQ (a[i].values, b[i].values) << "the context was lost at frame " << i;
}

TEST (SpeechEvents, JumpsStartAnew)
{
  TestBundle bundle;
  for (const GstClockTime to : {10 * GST_SECOND, 100 * GST_MSECOND}) {
    SpeechHarness t (bundle, whole);
    t.start ();
    t.push_at (5 * GST_SECOND, tone (16000));
    t.push_at (to, tone (16000));
    t.eos ();
    const auto frames = t.take ();
    ASSERT_EQ (frames.size (), 50u) << "both pieces are whole";
    EXPECT_EQ (frames[24].pts, 5 * GST_SECOND + 960 * GST_MSECOND);
    EXPECT_FALSE (frames[24].discont);
    EXPECT_EQ (frames[25].pts, to);
    EXPECT_TRUE (frames[25].discont);
    EXPECT_EQ (frames[49].pts, to + 960 * GST_MSECOND);
  }
}

TEST (SpeechEvents, GapsBecomeSilence)
{
  TestBundle bundle;
  for (const guint64 ms : {20, 1000, 60000}) {
    SpeechHarness t (bundle, whole);
    t.start ();
    const GstClockTime gap = ms * GST_MSECOND;
    t.push_at (0, tone (16000));
    t.push_event (gst_event_new_gap (GST_SECOND, gap));
    t.push_at (GST_SECOND + gap, tone (16000));
    t.eos ();
    const auto frames = t.take ();
    ASSERT_EQ (frames.size (), frames_of (32000 + ms * 16, 25, 1)) << ms;
    for (guint64 k = 0; k < frames.size (); k++) {
      EXPECT_EQ (frames[k].pts, k * 40 * GST_MSECOND);
      EXPECT_EQ (frames[k].discont, k == 0);
    }
    if (ms >= 1000) {
      EXPECT_EQ (frames[30].values[1], 0);
      EXPECT_EQ (frames[30].values[7], 1) << "the face idles: the model runs";
    }
  }
}

// What is longer than a minute must not become an endless film of silence.
TEST (SpeechEvents, LongGapsAreBounded)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.start ();
  t.push_at (0, tone (16000));
  const GstClockTime gap = 3600 * GST_SECOND;
  t.push_event (gst_event_new_gap (GST_SECOND, gap));
  EXPECT_EQ (t.take ().size (), 25u + 60 * 25);
  bool forwarded = false;
  while (GstEvent *event = gst_harness_try_pull_event (t.h)) {
    if (GST_EVENT_TYPE (event) == GST_EVENT_GAP) {
      GstClockTime begin, duration;
      gst_event_parse_gap (event, &begin, &duration);
      EXPECT_EQ (begin, 61 * GST_SECOND);
      EXPECT_EQ (begin + duration, 3601 * GST_SECOND);
      forwarded = true;
    }
    gst_event_unref (event);
  }
  EXPECT_TRUE (forwarded);
  t.push_at (GST_SECOND + gap, tone (16000));
  t.eos ();
  const auto frames = t.take ();
  ASSERT_EQ (frames.size (), 25u);
  EXPECT_TRUE (frames[0].discont);
  EXPECT_EQ (frames[0].pts, GST_SECOND + gap);
}

// A live source without input sends small gaps: their rounding must not add up.
TEST (SpeechEvents, ManyOddGapsDoNotDrift)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.start ();
  t.push_at (0, tone (320));
  const GstClockTime begin = 20 * GST_MSECOND;
  const guint64 count = 3000;
  for (guint64 i = 0; i < count; i++) {
    const GstClockTime from = begin + gst_util_uint64_scale (i, GST_SECOND, 47);
    const GstClockTime to = begin + gst_util_uint64_scale (i + 1, GST_SECOND, 47);
    t.push_event (gst_event_new_gap (from, to - from));
  }
  t.eos ();
  const auto frames = t.take ();
  const GstClockTime end = begin + gst_util_uint64_scale (count, GST_SECOND, 47);
  EXPECT_NEAR ((double)frames.size (), (double)end * 25 / GST_SECOND, 1);
  for (guint64 k = 0; k < frames.size (); k++)
    EXPECT_EQ (frames[k].discont, k == 0);
}

TEST (SpeechEvents, GapBeforeCapsIsForwarded)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.h = gst_harness_new_with_element (t.bin, "sink", "src");
  gst_harness_play (t.h);
  t.push_event (gst_event_new_stream_start ("stream"));
  t.push_segment (0);
  t.push_event (gst_event_new_gap (0, GST_SECOND));
  EXPECT_EQ (t.take ().size (), 0u);
  EXPECT_EQ (pop_error (t.bus).domain, 0u);
}

// The rules of a stream, as gst_consistency_checker has them (which works in tests of
// the Check framework only).
struct Rules {
  bool started = false, caps = false, segment = false, flushing = false, eos = false;
  guint64 buffers = 0;

  static GstPadProbeReturn check (GstPad *, GstPadProbeInfo *info, gpointer data)
  {
    Rules &rules = *(Rules *)data;
    if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
      EXPECT_TRUE (rules.started && rules.caps && rules.segment);
      EXPECT_FALSE (rules.flushing || rules.eos);
      rules.buffers++;
      return GST_PAD_PROBE_OK;
    }
    GstEvent *event = GST_PAD_PROBE_INFO_EVENT (info);
    const GstEventType type = GST_EVENT_TYPE (event);
    if (type == GST_EVENT_FLUSH_START)
      rules.flushing = true;
    else if (type == GST_EVENT_FLUSH_STOP)
      rules.flushing = rules.segment = rules.eos = false;
    else if (GST_EVENT_IS_SERIALIZED (event)) {
      EXPECT_FALSE (rules.flushing || rules.eos) << GST_EVENT_TYPE_NAME (event);
      EXPECT_EQ (rules.started, type != GST_EVENT_STREAM_START);
      EXPECT_TRUE (rules.caps || (type != GST_EVENT_SEGMENT && type != GST_EVENT_EOS));
      EXPECT_TRUE (rules.segment || (type != GST_EVENT_TAG && type != GST_EVENT_GAP));
      rules.started |= type == GST_EVENT_STREAM_START;
      rules.caps |= type == GST_EVENT_CAPS;
      rules.segment |= type == GST_EVENT_SEGMENT;
      rules.eos |= type == GST_EVENT_EOS;
    }
    return GST_PAD_PROBE_OK;
  }
};

TEST (SpeechEvents, OtherEventsPassInOrder)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.h = gst_harness_new_with_element (t.bin, "sink", "src");
  Rules rules;
  gst_pad_add_probe (t.h->sinkpad,
                     (GstPadProbeType)(GST_PAD_PROBE_TYPE_BUFFER |
                                       GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM |
                                       GST_PAD_PROBE_TYPE_EVENT_FLUSH),
                     Rules::check, &rules, nullptr);
  t.start ();
  t.push (tone (16000));
  t.push_event (gst_event_new_tag (gst_tag_list_new (GST_TAG_TITLE, "a title", nullptr)));
  t.push_event (gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM,
                                      gst_structure_new_empty ("a-custom-event")));
  t.push (tone (16000));
  t.push_event (gst_event_new_gap (2 * GST_SECOND, GST_SECOND));
  t.push_event (gst_event_new_flush_start ());
  t.push_event (gst_event_new_flush_stop (TRUE));
  t.push_segment (0);
  t.push_at (0, tone (16000));
  t.eos ();
  bool tag = false, custom = false;
  while (GstEvent *event = gst_harness_try_pull_event (t.h)) {
    tag |= GST_EVENT_TYPE (event) == GST_EVENT_TAG;
    custom |= gst_event_has_name (event, "a-custom-event");
    gst_event_unref (event);
  }
  EXPECT_TRUE (tag);
  EXPECT_TRUE (custom);
  EXPECT_TRUE (rules.eos);
  EXPECT_GT (rules.buffers, 75u);
}

} // namespace
