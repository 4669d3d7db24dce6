// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the viewer of a live face sees when something goes wrong: a face, on the grid.
#include <cmath>
#include <string>
#include <thread>

#include "testpipeline.h"

namespace {

constexpr GstClockTime frame = 40 * GST_MSECOND;

struct Seen {
  GstClockTime pts; // as running time
  gint64 at;        // g_get_monotonic_time
  float loud;       // mean of |sound| that its latent tells
  float speaks;     // 1: the model ran
};

// A live tone in buffers of 20 ms, behind a valve.
const std::string tone = "audiotestsrc name=source is-live=true wave=square "
                         "samplesperbuffer=320 ! audio/x-raw,rate=16000,channels=1 ! "
                         "valve name=valve";

// A live tone, a face in real time, and what of it goes to be drawn and arrives at its
// sink.
class Live {
public:
  // `source`: elements that end in audio; more of `bin`'s properties.
  explicit Live (const std::string &source = tone, const std::string &properties = "",
                 const nlohmann::json &avatar = nlohmann::json::object ())
      : bundle_ (avatar),
        p (source + " ! daetalkerbin name=t blink-rate=0 idle-motion=0 avatar=" +
           bundle_.path () + " " + properties +
           " t.src ! fakesink name=video sync=true t.audio_src ! "
           "fakesink name=audio sync=true")
  {
    probe ("speech2latent", "src",
           [] (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
             ((Live *)data)->add (pad, GST_PAD_PROBE_INFO_BUFFER (info));
             return GST_PAD_PROBE_OK;
           });
  }

  void probe (const char *element, const char *pad_name, GstPadProbeCallback callback)
  {
    g_autoptr (GstPad) pad =
        gst_element_get_static_pad (p.get (element).get (), pad_name);
    gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, callback, this, nullptr);
  }

  void set (const char *element, const char *name, bool value)
  {
    g_object_set (p.get (element).get (), name, (gboolean)value, nullptr);
  }

  // Everything that went to be drawn up to now; no error came.
  std::vector<Seen> seen ()
  {
    EXPECT_EQ (pop_error (p.bus).domain, 0u);
    std::lock_guard<std::mutex> lock (mutex_);
    return seen_;
  }

  // Stops upstream of `pad_name` for so long.
  void block (const char *element, const char *pad_name, double seconds)
  {
    g_autoptr (GstPad) pad =
        gst_element_get_static_pad (p.get (element).get (), pad_name);
    const gulong id = gst_pad_add_probe (
        pad, GST_PAD_PROBE_TYPE_BLOCK_DOWNSTREAM,
        [] (GstPad *, GstPadProbeInfo *, gpointer) { return GST_PAD_PROBE_OK; }, nullptr,
        nullptr);
    wait (seconds);
    gst_pad_remove_probe (pad, id);
  }

  static void wait (double seconds)
  {
    std::this_thread::sleep_for (std::chrono::duration<double> (seconds));
  }

private:
  void add (GstPad *pad, GstBuffer *buffer)
  {
    g_autoptr (GstEvent) event = gst_pad_get_sticky_event (pad, GST_EVENT_SEGMENT, 0);
    const GstSegment *segment;
    gst_event_parse_segment (event, &segment);
    float latent[8] = {};
    gst_buffer_extract (buffer, 0, latent, sizeof latent);
    std::lock_guard<std::mutex> lock (mutex_);
    seen_.push_back (
        {gst_segment_to_running_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer)),
         g_get_monotonic_time (), latent[1], latent[7]});
  }

  TestBundle bundle_;
  std::mutex mutex_;
  std::vector<Seen> seen_;

public:
  TestPipeline p;
};

// Each frame a period after the one before; up to `anew` times a stream begins anew, and
// its grid with it.
void
expect_grid (const std::vector<Seen> &seen, int anew = 0)
{
  for (gsize i = 1; i < seen.size (); i++) {
    const GstClockTimeDiff period = GST_CLOCK_DIFF (seen[i - 1].pts, seen[i].pts);
    if (period == (GstClockTimeDiff)frame)
      continue;
    ASSERT_GE (--anew, 0) << "after frame " << i - 1 << " at "
                          << GST_TIME_AS_MSECONDS (seen[i - 1].pts);
    ASSERT_NEAR ((double)period, (double)frame, 1.01 * frame);
  }
}

double
longest_pause (const std::vector<Seen> &seen)
{
  gint64 longest = 0;
  for (gsize i = 1; i < seen.size (); i++)
    longest = std::max (longest, seen[i].at - seen[i - 1].at);
  return (double)longest / G_USEC_PER_SEC;
}

// Frames of [begin, end) seconds in which sound is seen.
int
loud_frames (const std::vector<Seen> &seen, double begin, double end)
{
  int count = 0;
  for (const Seen &one : seen)
    count += (double)one.pts >= begin * GST_SECOND &&
             (double)one.pts < end * GST_SECOND && one.loud > 0.26f;
  return count;
}

// The rest latent has 0.25 there.
TEST (Faults, ASourceThatStallsForTenSecondsLeavesAnIdleFace)
{
  Live live;
  live.p.play ();
  Live::wait (1.5);
  live.set ("valve", "drop", true);
  Live::wait (10);
  live.set ("valve", "drop", false);
  Live::wait (1.5);
  const auto seen = live.seen ();
  ASSERT_GT (seen.size (), 300u);
  expect_grid (seen);
  EXPECT_LT (longest_pause (seen), 0.5);
  EXPECT_EQ (loud_frames (seen, 2.5, 11), 0);
  for (const Seen &one : seen)
    EXPECT_EQ (one.speaks, 1) << "the model idles";
  const double end = (double)seen.back ().pts / GST_SECOND;
  EXPECT_GT (loud_frames (seen, end - 1, end), 10) << "it does not speak again";
}

TEST (Faults, IdleAfterMayBeSwitchedOff)
{
  Live live (tone, "idle-after=-1");
  live.p.play ();
  Live::wait (1);
  live.set ("valve", "drop", true);
  Live::wait (0.5);
  const gsize before = live.seen ().size ();
  Live::wait (1);
  EXPECT_EQ (live.seen ().size (), before);
}

// What was held up comes all at once: it is too late to be spoken.
TEST (Faults, ABacklogAfterAStallIsNotSpoken)
{
  Live live;
  live.p.play ();
  Live::wait (1);
  live.block ("valve", "src", 2);
  Live::wait (1.5);
  const auto seen = live.seen ();
  expect_grid (seen);
  EXPECT_LT (longest_pause (seen), 0.5);
  EXPECT_LT (loud_frames (seen, 1.6, 2.6), 3);
  const double end = (double)seen.back ().pts / GST_SECOND;
  EXPECT_GT (end, 3.5);
  EXPECT_GT (loud_frames (seen, end - 0.8, end), 10);
}

TEST (Faults, ASourceThatIsAlwaysLateIsWaitedFor)
{
  // Half a second later than its LATENCY answer says.
  Live live (tone + " ! queue min-threshold-time=500000000 max-size-time=0 "
                    "max-size-buffers=0");
  live.p.play ();
  Live::wait (3);
  const auto seen = live.seen ();
  expect_grid (seen);
  EXPECT_GT (loud_frames (seen, 0.2, 2), 40);
}

// Pieces of 400 ms, each when it is over, from a source that says nothing of latency.
TEST (Faults, LongPiecesAreNoStall)
{
  Live live ("appsrc name=source is-live=true format=time caps=audio/x-raw,format=F32LE,"
             "rate=16000,channels=1,layout=interleaved ! valve name=valve");
  live.p.play ();
  const gint64 begin = g_get_monotonic_time ();
  const std::vector<float> piece (6400, 0.5f);
  for (guint64 i = 0; i < 8; i++) {
    const gint64 due = begin + (gint64)(i + 1) * 400000;
    g_usleep ((gulong)std::max<gint64> (due - g_get_monotonic_time (), 0));
    GstBuffer *buffer =
        gst_buffer_new_memdup (piece.data (), piece.size () * sizeof (float));
    GST_BUFFER_PTS (buffer) = i * 400 * GST_MSECOND;
    GST_BUFFER_DURATION (buffer) = 400 * GST_MSECOND;
    GstFlowReturn flow;
    g_signal_emit_by_name (live.p.get ("source").get (), "push-buffer", buffer, &flow);
    gst_buffer_unref (buffer);
  }
  const auto seen = live.seen ();
  expect_grid (seen);
  EXPECT_GT (loud_frames (seen, 0, 2.8), 65) << "of 70";
}

// As an appsrc with do-timestamp=true sends it.
TEST (Faults, SoundThatDoesNotSayHowLongItLastsMayStallToo)
{
  Live live;
  live.probe ("valve", "src", [] (GstPad *, GstPadProbeInfo *info, gpointer) {
    GstBuffer *buffer = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));
    GST_BUFFER_DURATION (buffer) = GST_CLOCK_TIME_NONE;
    info->data = buffer;
    return GST_PAD_PROBE_OK;
  });
  live.p.play ();
  Live::wait (1);
  live.set ("valve", "drop", true);
  Live::wait (2);
  const auto seen = live.seen ();
  expect_grid (seen);
  EXPECT_LT (longest_pause (seen), 0.5);
  EXPECT_GT (seen.back ().pts, 2 * GST_SECOND);
}

// Each hole is as short as it can be.
TEST (Faults, LostPacketsDoNotAddUp)
{
  Live live;
  live.probe ("valve", "src", [] (GstPad *, GstPadProbeInfo *info, gpointer) {
    const GstClockTime pts = GST_BUFFER_PTS (GST_PAD_PROBE_INFO_BUFFER (info));
    return pts / (20 * GST_MSECOND) % 10 == 9 ? GST_PAD_PROBE_DROP : GST_PAD_PROBE_OK;
  });
  live.p.play ();
  Live::wait (3);
  const auto seen = live.seen ();
  ASSERT_GT (seen.size (), 50u);
  expect_grid (seen);
  EXPECT_GT (seen.back ().pts, 2500 * GST_MSECOND) << "it falls behind";
}

TEST (Faults, AFaceThatIsStoppedAndStartedSpeaksAgain)
{
  Live live;
  live.p.play ();
  Live::wait (1);
  live.set ("valve", "drop", true);
  Live::wait (1);
  gst_element_set_state (live.p.pipeline, GST_STATE_READY);
  live.set ("valve", "drop", false);
  const gsize before = live.seen ().size ();
  live.p.play ();
  Live::wait (1.5);
  auto seen = live.seen ();
  seen.erase (seen.begin (), seen.begin () + (std::ptrdiff_t)before);
  expect_grid (seen);
  EXPECT_GT (loud_frames (seen, 0.2, 1), 15) << "of 20";
}

void
offset_source (Live &live, GstClockTimeDiff offset)
{
  g_autoptr (GstPad) pad =
      gst_element_get_static_pad (live.p.get ("valve").get (), "src");
  gst_pad_set_offset (pad, offset);
}

TEST (Faults, AClockThatJumpsAheadLeavesAnIdleFaceInBetween)
{
  Live live;
  live.p.play ();
  Live::wait (1);
  offset_source (live, 3 * GST_SECOND);
  Live::wait (5);
  const auto seen = live.seen ();
  expect_grid (seen, 1);
  EXPECT_LT (longest_pause (seen), 0.5);
  EXPECT_EQ (loud_frames (seen, 1.8, 3.8), 0);
  const double end = (double)seen.back ().pts / GST_SECOND;
  EXPECT_GT (loud_frames (seen, end - 0.8, end), 10);
}

TEST (Faults, AClockThatJumpsBackLeavesAnIdleFaceAndAWarning)
{
  Live live;
  live.p.play ();
  Live::wait (1);
  offset_source (live, -3 * (GstClockTimeDiff)GST_SECOND);
  Live::wait (3.5);
  g_autoptr (GstMessage) warning =
      gst_bus_timed_pop_filtered (live.p.bus, 0, GST_MESSAGE_WARNING);
  EXPECT_NE (warning, nullptr);
  const auto seen = live.seen ();
  ASSERT_GT (seen.size (), 100u);
  expect_grid (seen, 1);
  EXPECT_LT (longest_pause (seen), 0.5);
  EXPECT_EQ (loud_frames (seen, 2, 4.5), 0);
}

TEST (Faults, AProcessorThatStandsStillIsMadeUpFor)
{
  Live live;
  live.p.play ();
  Live::wait (1);
  live.block ("speechfeatures", "src", 5);
  Live::wait (1);
  const auto seen = live.seen ();
  expect_grid (seen);
  EXPECT_GT (seen.back ().pts, 6 * GST_SECOND) << "it does not catch up";
}

TEST (Faults, ASinkThatBlocksIsWaitedForAndTimeIsKept)
{
  Live live;
  live.p.play ();
  Live::wait (1);
  live.block ("video", "sink", 3);
  Live::wait (1.5);
  const auto seen = live.seen ();
  expect_grid (seen);
  EXPECT_GT (seen.back ().pts, 4 * GST_SECOND) << "it does not catch up";
}

TEST (Faults, AnotherSampleRateInMidStreamIsHeard)
{
  Live live ("audiotestsrc name=source is-live=true wave=square samplesperbuffer=320 ! "
             "capsfilter name=caps caps=audio/x-raw,rate=16000,channels=1 ! "
             "valve name=valve");
  live.p.play ();
  Live::wait (1);
  g_autoptr (GstCaps) caps =
      gst_caps_from_string ("audio/x-raw,format=S16LE,rate=48000,channels=2");
  g_object_set (live.p.get ("caps").get (), "caps", caps, nullptr);
  Live::wait (1.5);
  const auto seen = live.seen ();
  ASSERT_GT (seen.size (), 50u);
  EXPECT_LT (longest_pause (seen), 0.5);
  const double end = (double)seen.back ().pts / GST_SECOND;
  EXPECT_GT (loud_frames (seen, end - 0.8, end), 10);
}

TEST (Faults, AnUpstreamThatRestartsIsTakenUp)
{
  Live live;
  live.p.play ();
  Live::wait (1);
  // As a call that is set up again: another source, another stream.
  const auto source = live.p.get ("source");
  gst_element_set_state (source.get (), GST_STATE_NULL);
  Live::wait (1);
  gst_element_sync_state_with_parent (source.get ());
  Live::wait (2);
  const auto seen = live.seen ();
  expect_grid (seen, 1);
  EXPECT_LT (longest_pause (seen), 0.7);
  const double end = (double)seen.back ().pts / GST_SECOND;
  EXPECT_GT (end, 3);
  EXPECT_GT (loud_frames (seen, end - 0.8, end), 10);
}

} // namespace
