// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Where the head's pose comes from; properties under a controller.
#include <gst/controller/gstdirectcontrolbinding.h>
#include <gst/controller/gstinterpolationcontrolsource.h>

#include "speechharness.h"

namespace {

const char *whole = "speechfeatures name=f ! speech2latent name=l";

std::vector<TestFrame>
run (SpeechHarness &t, guint64 seconds = 1)
{
  if (t.h == nullptr)
    t.start ();
  t.push (std::vector<float> (seconds * test_rate, 0.5f));
  t.eos ();
  return t.take ();
}

void
set_enum (SpeechHarness &t, const char *property, const char *value)
{
  gst_util_set_object_arg (G_OBJECT (t.latents), property, value);
}

TEST (SpeechPose, PredictedPoseIsScaledAroundRest)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  g_object_set (t.latents, "motion-scale", 0.5f, nullptr);
  const auto frames = run (t);
  ASSERT_EQ (frames.size (), 25u);
  for (const TestFrame &frame : frames) {
    // The engine predicts rest (1, 2, 3) plus (5, 5, -5).
    EXPECT_NEAR (frame.pose[0], 1 + 2.5, 1e-4);
    EXPECT_NEAR (frame.pose[1], 2 + 2.5, 1e-4);
    EXPECT_NEAR (frame.pose[2], 3 - 2.5, 1e-4);
    EXPECT_NEAR (frame.values[3], 3.5 / 90, 1e-4) << "the network was told";
  }
}

TEST (SpeechPose, StillIsRest)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  set_enum (t, "pose-mode", "still");
  for (const TestFrame &frame : run (t))
    EXPECT_EQ (frame.pose, (std::vector<float>{1, 2, 3}));
}

TEST (SpeechPose, ManualPoseIsLimitedToTheTrainedRange)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  set_enum (t, "pose-mode", "manual");
  g_object_set (t.latents, "yaw", 12.5f, "pitch", -90.0f, "roll", 90.0f, nullptr);
  for (const TestFrame &frame : run (t))
    EXPECT_EQ (frame.pose, (std::vector<float>{12.5, -20, 20}));
}

TEST (SpeechPose, ControllerMovesTheHeadInStreamTime)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  set_enum (t, "pose-mode", "manual");
  GstControlSource *source = gst_interpolation_control_source_new ();
  g_object_set (source, "mode", GST_INTERPOLATION_MODE_LINEAR, nullptr);
  ASSERT_TRUE (gst_object_add_control_binding (
      GST_OBJECT (t.latents),
      gst_direct_control_binding_new_absolute (GST_OBJECT (t.latents), "yaw", source)));
  GstTimedValueControlSource *values = GST_TIMED_VALUE_CONTROL_SOURCE (source);
  gst_timed_value_control_source_set (values, 0, -10);
  gst_timed_value_control_source_set (values, GST_SECOND, 10);
  const auto frames = run (t);
  ASSERT_EQ (frames.size (), 25u);
  for (gsize k = 0; k < frames.size (); k++)
    EXPECT_NEAR (frames[k].pose[0], -10 + 20 * k / 25.0, 1e-3) << k;
  gst_object_unref (source);
}

#define POSES(size)                                                                      \
  "other/tensors,format=static,num_tensors=1,types=float32,dimensions=(string)" size     \
  ",framerate=10/1"

struct PoseSource {
  PoseSource (SpeechHarness &t, const char *caps)
      : pad (gst_element_request_pad_simple (t.latents, "pose")),
        h (gst_harness_new_with_element (t.latents, nullptr, nullptr))
  {
    gst_harness_add_element_sink_pad (h, pad);
    gst_harness_set_src_caps_str (h, caps);
  }
  ~PoseSource ()
  {
    gst_harness_teardown (h);
    gst_object_unref (pad);
  }

  GstFlowReturn push (GstClockTime pts, std::vector<float> pose)
  {
    GstBuffer *buffer =
        gst_buffer_new_memdup (pose.data (), pose.size () * sizeof (float));
    GST_BUFFER_PTS (buffer) = pts;
    return gst_harness_push (h, buffer);
  }

  GstPad *pad;
  GstHarness *h;
};

TEST (SpeechPose, StreamedPoseIsTheNearestInTime)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  set_enum (t, "pose-mode", "stream");
  t.start ();
  PoseSource poses (t, POSES ("3:1:1:1"));
  for (guint64 i = 0; i < 10; i++)
    EXPECT_EQ (poses.push (i * 100 * GST_MSECOND, {(float)i, -(float)i, 100}),
               GST_FLOW_OK);
  const float nan = std::numeric_limits<float>::quiet_NaN ();
  EXPECT_EQ (poses.push (500 * GST_MSECOND, {nan, 0, 0}), GST_FLOW_OK) << "left out";
  EXPECT_EQ (poses.push (GST_CLOCK_TIME_NONE, {9, 9, 9}), GST_FLOW_OK) << "left out";
  const auto frames = run (t);
  ASSERT_EQ (frames.size (), 25u);
  for (gsize k = 0; k < frames.size (); k++) {
    const guint64 ms = k * 40;
    const float nearest = (float)std::min<guint64> ((ms + 50) / 100, 9);
    if (ms % 100 != 50) {
      EXPECT_EQ (frames[k].pose[0], nearest) << k;
      EXPECT_EQ (frames[k].pose[1], -nearest) << k;
      EXPECT_EQ (frames[k].pose[2], 20) << "limited to the trained range";
    }
  }
}

TEST (SpeechPose, RestBeforeTheFirstStreamedPose)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  set_enum (t, "pose-mode", "stream");
  for (const TestFrame &frame : run (t))
    EXPECT_EQ (frame.pose, (std::vector<float>{1, 2, 3}));
}

TEST (SpeechPose, ASeekGoesToThePosesToo)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.start ();
  PoseSource poses (t, POSES ("3:1:1:1"));
  gst_harness_push_upstream_event (
      t.h, gst_event_new_seek (1, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET,
                               GST_SECOND, GST_SEEK_TYPE_NONE, 0));
  guint32 numbers[2] = {1, 2};
  for (int i = 0; i < 2; i++)
    while (GstEvent *event = gst_harness_try_pull_upstream_event (i ? poses.h : t.h)) {
      if (GST_EVENT_TYPE (event) == GST_EVENT_SEEK)
        numbers[i] = gst_event_get_seqnum (event);
      gst_event_unref (event);
    }
  EXPECT_EQ (numbers[0], numbers[1]);
}

TEST (SpeechPose, ThereIsOnePosePad)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  GstPad *pad = gst_element_request_pad_simple (t.latents, "pose");
  ASSERT_NE (pad, nullptr);
  GstPadTemplate *templ = gst_element_get_pad_template (t.latents, "pose");
  EXPECT_EQ (gst_element_request_pad (t.latents, templ, nullptr, nullptr), nullptr);
  gst_element_release_request_pad (t.latents, pad);
  gst_object_unref (pad);
  pad = gst_element_request_pad_simple (t.latents, "pose");
  EXPECT_NE (pad, nullptr);
  gst_element_release_request_pad (t.latents, pad);
  gst_object_unref (pad);
}

TEST (SpeechPose, StreamsWithoutPosesAreRefused)
{
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  t.start ();
  PoseSource poses (t, POSES ("4:1:1:1"));
  EXPECT_NE (poses.push (0, {1, 2, 3, 4}), GST_FLOW_OK);
  const BusError error = pop_error (t.bus);
  EXPECT_EQ (error.domain, GST_STREAM_ERROR);
  EXPECT_EQ (error.code, GST_STREAM_ERROR_WRONG_TYPE);
}

TEST (SpeechPose, PresetsKeepTheSettings)
{
  g_autofree gchar *folder = g_dir_make_tmp ("daetalker-XXXXXX", nullptr);
  g_setenv ("XDG_DATA_HOME", folder, TRUE);
  TestBundle bundle;
  SpeechHarness t (bundle, whole);
  g_object_set (t.latents, "yaw", 7.0f, nullptr);
  ASSERT_TRUE (gst_preset_save_preset (GST_PRESET (t.latents), "turned"));
  g_object_set (t.latents, "yaw", 0.0f, nullptr);
  ASSERT_TRUE (gst_preset_load_preset (GST_PRESET (t.latents), "turned"));
  gfloat yaw;
  g_object_get (t.latents, "yaw", &yaw, nullptr);
  EXPECT_EQ (yaw, 7.0f);
  std::filesystem::remove_all (folder);
}

} // namespace
