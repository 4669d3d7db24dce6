// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Poses that come late: a file waits for them, a live stream does not, and nothing
// that can happen meanwhile leaves it waiting.
#include <atomic>
#include <mutex>

#include "speechharness.h"
#include "testpipeline.h"

namespace {

constexpr gulong while_waiting = 200 * 1000; // microseconds, for the stream to get there

// A second of sound that becomes 25 frames, and a pad that gives them poses.
class PosedSpeech {
public:
  explicit PosedSpeech (const char *source = "")
      : line ("audiotestsrc name=source num-buffers=10 samplesperbuffer=1600 " +
              std::string (source) +
              " ! audio/x-raw,rate=16000,channels=1 ! speechfeatures avatar=" +
              bundle.path () + " ! speech2latent name=l pose-mode=stream avatar=" +
              bundle.path () + " ! fakesink name=sink"),
        latents (line.get ("l")), pad (gst_pad_new ("src", GST_PAD_SRC)),
        sink (gst_element_request_pad_simple (latents.get (), "pose"))
  {
    g_autoptr (GstPad) frames_pad = gst_element_get_static_pad (latents.get (), "src");
    gst_pad_add_probe (frames_pad, GST_PAD_PROBE_TYPE_BUFFER, keep_frame, this, nullptr);
    gst_bus_set_sync_handler (line.bus, count_warning, this, nullptr);
    EXPECT_EQ (gst_pad_link (pad, sink), GST_PAD_LINK_OK);
    gst_pad_set_active (pad, TRUE);
  }

  ~PosedSpeech ()
  {
    gst_element_set_state (line.pipeline, GST_STATE_NULL);
    gst_pad_set_active (pad, FALSE);
    gst_object_unref (pad);
    gst_object_unref (sink);
  }

  // Plays, until frames wait for poses if they do.
  void play ()
  {
    line.play ();
    g_usleep (while_waiting);
    // As a source does; the pad takes events from PAUSED on.
    gst_pad_push_event (pad, gst_event_new_stream_start ("poses"));
    g_autoptr (GstCaps) caps =
        gst_caps_from_string ("other/tensors,format=static,num_tensors=1,types=float32,"
                              "dimensions=(string)3:1:1:1,framerate=10/1");
    gst_pad_push_event (pad, gst_event_new_caps (caps));
    GstSegment segment;
    gst_segment_init (&segment, GST_FORMAT_TIME);
    gst_pad_push_event (pad, gst_event_new_segment (&segment));
  }

  // The pose of number i is (i, -i, 0), at i times 100 ms.
  void push (int i)
  {
    const float pose[3] = {(float)i, -(float)i, 0};
    GstBuffer *buffer = gst_buffer_new_memdup (pose, sizeof (pose));
    GST_BUFFER_PTS (buffer) = i * 100 * GST_MSECOND;
    EXPECT_EQ (gst_pad_push (pad, buffer), GST_FLOW_OK);
  }

  void eos () { gst_pad_push_event (pad, gst_event_new_eos ()); }

  gsize count ()
  {
    std::lock_guard<std::mutex> lock (mutex_);
    return frames_.size ();
  }

  // Waits until so many frames have come, and a while for more that must not come.
  void expect_count (gsize wanted)
  {
    for (int wait = 0; count () < wanted && wait < 3000; wait++)
      g_usleep (10 * 1000);
    g_usleep (while_waiting);
    EXPECT_EQ (count (), wanted);
  }

  // After the end: which pose each frame has.
  std::vector<float> yaws ()
  {
    std::lock_guard<std::mutex> lock (mutex_);
    std::vector<float> result;
    for (const TestFrame &frame : frames_)
      result.push_back (frame.pose[0]);
    return result;
  }

  guint64 warnings () const { return warnings_; }

  TestBundle bundle;
  TestPipeline line;
  std::shared_ptr<GstElement> latents;
  GstPad *pad, *sink;

private:
  static GstPadProbeReturn keep_frame (GstPad *, GstPadProbeInfo *info, gpointer data)
  {
    auto *self = (PosedSpeech *)data;
    std::lock_guard<std::mutex> lock (self->mutex_);
    self->frames_.push_back (
        take_frame (gst_buffer_ref (GST_PAD_PROBE_INFO_BUFFER (info))));
    return GST_PAD_PROBE_OK;
  }

  static GstBusSyncReply count_warning (GstBus *, GstMessage *message, gpointer data)
  {
    ((PosedSpeech *)data)->warnings_ += GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING;
    return GST_BUS_PASS;
  }

  std::mutex mutex_;
  std::vector<TestFrame> frames_;
  std::atomic<guint64> warnings_{0};
};

constexpr float rest_yaw = 1; // of the test's bundle

TEST (LatePoses, AreWaitedForInAFile)
{
  PosedSpeech speech;
  speech.play ();
  EXPECT_EQ (speech.count (), 0u);
  speech.push (0);
  speech.push (1);
  // Up to 100 ms it is known which pose is nearest.
  speech.expect_count (3);
  for (int i = 2; i < 10; i++)
    speech.push (i);
  speech.eos ();
  ASSERT_TRUE (speech.line.wait ()) << speech.line.error.text;
  const auto yaws = speech.yaws ();
  ASSERT_EQ (yaws.size (), 25u);
  for (gsize k = 0; k < yaws.size (); k++)
    EXPECT_EQ (yaws[k], std::min<gsize> ((k * 40 + 50) / 100, 9)) << k;
  EXPECT_EQ (speech.warnings (), 0u);
}

TEST (LatePoses, AreNotWaitedForInALiveStream)
{
  PosedSpeech speech ("is-live=true");
  speech.play ();
  ASSERT_TRUE (speech.line.wait ()) << speech.line.error.text;
  EXPECT_EQ (speech.yaws (), std::vector<float> (25, rest_yaw));
  EXPECT_EQ (speech.warnings (), 0u) << "it waited until its patience was over";
}

TEST (LatePoses, TheLastOneHoldsAfterTheirEnd)
{
  PosedSpeech speech;
  speech.play ();
  speech.push (3);
  speech.eos ();
  ASSERT_TRUE (speech.line.wait ()) << speech.line.error.text;
  EXPECT_EQ (speech.yaws (), std::vector<float> (25, 3));
}

TEST (LatePoses, AGapSaysThatNoneComes)
{
  PosedSpeech speech;
  speech.play ();
  speech.push (0);
  gst_pad_push_event (speech.pad, gst_event_new_gap (0, 500 * GST_MSECOND));
  speech.expect_count (13); // up to 480 ms
  gst_pad_push_event (speech.pad, gst_event_new_gap (0, GST_SECOND));
  ASSERT_TRUE (speech.line.wait ()) << speech.line.error.text;
  EXPECT_EQ (speech.yaws (), std::vector<float> (25, 0));
}

TEST (LatePoses, UnlinkingEndsTheWait)
{
  PosedSpeech speech;
  speech.play ();
  gst_pad_unlink (speech.pad, speech.sink);
  ASSERT_TRUE (speech.line.wait ()) << speech.line.error.text;
  EXPECT_EQ (speech.count (), 25u);
}

TEST (LatePoses, ReleasingThePadEndsTheWait)
{
  PosedSpeech speech;
  speech.play ();
  gst_element_release_request_pad (speech.latents.get (), speech.sink);
  ASSERT_TRUE (speech.line.wait ()) << speech.line.error.text;
  EXPECT_EQ (speech.yaws (), std::vector<float> (25, rest_yaw));
}

TEST (LatePoses, AnotherModeEndsTheWait)
{
  PosedSpeech speech;
  speech.play ();
  gst_util_set_object_arg (G_OBJECT (speech.latents.get ()), "pose-mode", "still");
  ASSERT_TRUE (speech.line.wait ()) << speech.line.error.text;
  EXPECT_EQ (speech.yaws (), std::vector<float> (25, rest_yaw));
}

TEST (LatePoses, StoppingEndsTheWait)
{
  for (int i = 0; i < 3; i++) {
    PosedSpeech speech;
    speech.play ();
    EXPECT_EQ (gst_element_set_state (speech.line.pipeline, GST_STATE_NULL),
               GST_STATE_CHANGE_SUCCESS);
    EXPECT_EQ (speech.count (), 0u);
  }
}

TEST (LatePoses, AFlushingSeekEndsTheWaitAndTheNextStreamWaitsAgain)
{
  PosedSpeech speech;
  speech.play ();
  // The pipeline has not prerolled, so the source is asked itself.
  ASSERT_TRUE (gst_element_seek_simple (speech.line.get ("source").get (),
                                        GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0));
  g_usleep (while_waiting);
  EXPECT_EQ (speech.count (), 0u) << "it waits again";
  speech.push (2);
  speech.eos ();
  ASSERT_TRUE (speech.line.wait ()) << speech.line.error.text;
  // The source goes on counting its buffers where it stood.
  EXPECT_GE (speech.count (), 10u);
  EXPECT_EQ (speech.yaws (), std::vector<float> (speech.count (), 2));
}

TEST (LatePoses, AfterFiveSecondsTheSpeechGoesOnWithAWarning)
{
  PosedSpeech speech;
  speech.play ();
  ASSERT_TRUE (speech.line.wait ()) << speech.line.error.text;
  EXPECT_EQ (speech.count (), 25u);
  EXPECT_EQ (speech.warnings (), 1u);
}

} // namespace
