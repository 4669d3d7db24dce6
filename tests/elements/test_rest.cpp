// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The action signal `rest`: what was heard is not spoken any more, what comes is.
#include <string>

#include "speechharness.h"
#include "testpipeline.h"

namespace {

const std::vector<float> tone (16000, 0.5f);

// How much of the frame is speech: 1 as the model made it, 0 at rest.
float
model (const TestFrame &frame)
{
  return frame.values[7];
}

TEST (Rest, IsReachedWithinThreeFramesAndLeftForNewSpeech)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speechfeatures name=f ! speech2latent name=l look-ahead=400");
  t.start ();
  t.push (tone);
  const gsize spoken = t.take ().size ();
  ASSERT_GT (spoken, 5u);
  ASSERT_LT (spoken, 20u) << "frames have to be held back";
  g_signal_emit_by_name (t.latents, "rest");
  t.push (tone);
  t.eos ();
  const auto frames = t.take ();
  ASSERT_EQ (spoken + frames.size (), 50u);
  // A feature frame of the first second may still have been under way.
  const gsize heard = 25 - spoken;
  EXPECT_NEAR (model (frames[0]), 2.0 / 3, 1e-5);
  EXPECT_NEAR (model (frames[1]), 1.0 / 3, 1e-5);
  for (gsize i = 2; i + 2 < heard; i++)
    EXPECT_NEAR (model (frames[i]), 0, 1e-5) << i;
  for (gsize i = heard + 3; i < frames.size (); i++)
    EXPECT_NEAR (model (frames[i]), 1, 1e-5) << i;
  for (gsize i = 1; i < frames.size (); i++)
    EXPECT_LE (std::abs (model (frames[i]) - model (frames[i - 1])), 0.34) << "a jump";
}

TEST (Rest, IsForgottenByAFlush)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speechfeatures name=f ! speech2latent name=l");
  t.start ();
  t.push (tone);
  t.take ();
  g_signal_emit_by_name (t.latents, "rest");
  t.push_event (gst_event_new_flush_start ());
  t.push_event (gst_event_new_flush_stop (TRUE));
  t.push_segment (0);
  t.push_at (0, tone);
  t.eos ();
  const auto frames = t.take ();
  ASSERT_EQ (frames.size (), 25u);
  for (const TestFrame &frame : frames)
    EXPECT_FLOAT_EQ (model (frame), 1);
}

TEST (Rest, WithoutSpeechChangesNothing)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speechfeatures name=f ! speech2latent name=l");
  t.start ();
  g_signal_emit_by_name (t.latents, "rest");
  t.push (tone);
  t.eos ();
  for (const TestFrame &frame : t.take ())
    EXPECT_FLOAT_EQ (model (frame), 1);
}

// ---- the bin -----------------------------------------------------------------------

struct Course {
  std::mutex mutex;
  std::map<GstClockTime, float> value; // by PTS

  static GstPadProbeReturn probe_latents (GstPad *, GstPadProbeInfo *info, gpointer data)
  {
    ((Course *)data)->add (GST_PAD_PROBE_INFO_BUFFER (info), 7);
    return GST_PAD_PROBE_OK;
  }

  static GstPadProbeReturn probe_sound (GstPad *, GstPadProbeInfo *info, gpointer data)
  {
    ((Course *)data)->add (GST_PAD_PROBE_INFO_BUFFER (info), 0);
    return GST_PAD_PROBE_OK;
  }

  void add (GstBuffer *buffer, gsize number)
  {
    float read = 0;
    gst_buffer_extract (buffer, number * sizeof (float), &read, sizeof (float));
    std::lock_guard<std::mutex> lock (mutex);
    value[GST_BUFFER_PTS (buffer)] = read;
  }
};

void
watch (TestPipeline &p, const char *element, const char *pad_name,
       GstPadProbeCallback probe, Course *course)
{
  g_autoptr (GstPad) pad = gst_element_get_static_pad (p.get (element).get (), pad_name);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, probe, course, nullptr);
}

// The tone, all at once, then the end.
void
push_list (GstElement *source)
{
  GstBufferList *list = gst_buffer_list_new ();
  for (guint64 i = 0; i < 200; i++) {
    GstBuffer *buffer = gst_buffer_new_memdup (tone.data (), 320 * sizeof (float));
    GST_BUFFER_PTS (buffer) = i * 20 * GST_MSECOND;
    gst_buffer_list_add (list, buffer);
  }
  GstFlowReturn flow;
  g_signal_emit_by_name (source, "push-buffer-list", list, &flow);
  gst_buffer_list_unref (list);
  g_signal_emit_by_name (source, "end-of-stream", &flow);
}

// `source` gives 200 buffers of 20 ms.
void
expect_rest_of_the_bin (const std::string &source)
{
  TestBundle bundle;
  // So slow a renderer lets the queue before the face hold more than a second.
  TestPipeline p (source +
                  " ! daetalkerbin name=t compute-time=500 avatar=" + bundle.path () +
                  " t.src ! fakesink name=video t.audio_src ! fakesink name=audio");
  if (source.rfind ("appsrc", 0) == 0)
    push_list (p.get ("list").get ());
  Course face, sound;
  watch (p, "speech2latent", "src", Course::probe_latents, &face);
  watch (p, "audio", "sink", Course::probe_sound, &sound);
  gst_element_set_state (p.pipeline, GST_STATE_PAUSED);
  ASSERT_EQ (gst_element_get_state (p.pipeline, nullptr, nullptr, 30 * GST_SECOND),
             GST_STATE_CHANGE_SUCCESS);
  const auto queue = p.get ("speech_queue");
  guint64 held = 0;
  for (int i = 0; i < 2000 && held < GST_SECOND; i++) {
    g_usleep (5000);
    g_object_get (queue.get (), "current-level-time", &held, nullptr);
  }
  ASSERT_GE (held, GST_SECOND);

  g_signal_emit_by_name (p.get ("t").get (), "rest");
  ASSERT_TRUE (p.run ()) << p.error.text;

  ASSERT_EQ (sound.value.size (), 200u);
  GstClockTime end = 0; // of what was not spoken
  for (const auto &[time, value] : sound.value)
    if (value == 0)
      end = time + 20 * GST_MSECOND;
  ASSERT_GT (end, GST_SECOND);
  ASSERT_LT (end, 3 * GST_SECOND);
  for (const auto &[time, value] : sound.value)
    if (time > 40 * GST_MSECOND) { // what waits at the sink has gone out
      EXPECT_EQ (value == 0, time < end) << GST_TIME_AS_MSECONDS (time);
    }

  ASSERT_EQ (face.value.size (), 100u);
  const GstClockTime frame = 40 * GST_MSECOND;
  GstClockTime begin = GST_CLOCK_TIME_NONE; // of the rest
  for (const auto &[time, value] : face.value)
    if (value < 0.99f)
      begin = MIN (begin, time);
  ASSERT_LT (begin, end - 10 * frame);
  for (const auto &[time, value] : face.value) {
    if (time >= begin + 2 * frame && time < end) {
      EXPECT_NEAR (value, 0, 1e-5) << GST_TIME_AS_MSECONDS (time);
    }
    if (time < begin || time >= end + 3 * frame) {
      EXPECT_NEAR (value, 1, 1e-5) << GST_TIME_AS_MSECONDS (time);
    }
  }
}

TEST (Rest, OfTheBinSilencesTheSoundAndTheFaceUpToTheSameTime)
{
  expect_rest_of_the_bin ("audiotestsrc num-buffers=200 samplesperbuffer=320 wave=square "
                          "volume=0.5 ! "
                          "audio/x-raw,format=F32LE,rate=16000,channels=1");
}

TEST (Rest, OfTheBinTakesListsOfBuffersAndThoseWithoutADuration)
{
  expect_rest_of_the_bin ("appsrc name=list format=time "
                          "caps=audio/x-raw,format=F32LE,rate=16000,channels=1,"
                          "layout=interleaved");
}

TEST (Rest, OfTheBinIsForgottenByAStop)
{
  TestBundle bundle;
  TestPipeline p (
      "audiotestsrc is-live=true samplesperbuffer=320 wave=square volume=0.5 ! "
      "audio/x-raw,format=F32LE,rate=16000,channels=1 ! daetalkerbin name=t avatar=" +
      bundle.path () + " t.src ! fakesink name=video t.audio_src ! fakesink name=audio");
  Course sound;
  watch (p, "audio", "sink", Course::probe_sound, &sound);
  p.play ();
  g_usleep (G_USEC_PER_SEC);
  g_signal_emit_by_name (p.get ("t").get (), "rest");
  gst_element_set_state (p.pipeline, GST_STATE_READY);
  sound.value.clear ();
  p.play ();
  g_usleep (G_USEC_PER_SEC);
  gst_element_set_state (p.pipeline, GST_STATE_READY);
  ASSERT_GT (sound.value.size (), 20u);
  for (const auto &[time, value] : sound.value)
    EXPECT_NE (value, 0) << GST_TIME_AS_MSECONDS (time);
}

} // namespace
