// SPDX-License-Identifier: LGPL-2.1-or-later
//
// daetalkerbin in whole pipelines of files: rates, sound of every kind, errors.
#include <malloc.h>

#include <cmath>

#include "testpipeline.h"

namespace {

std::string
bin (const TestBundle &bundle, const std::string &more = "")
{
  return " ! daetalkerbin name=t avatar=" + bundle.path () + " " + more + " ";
}

std::string
sound (guint64 samples, int rate = 16000)
{
  return "audiotestsrc num-buffers=1 samplesperbuffer=" + std::to_string (samples) +
         " ! audio/x-raw,rate=" + std::to_string (rate) + ",channels=1";
}

// ---- counts and times ----------------------------------------------------------

struct RateCase {
  gint num, den;
};

class Rates : public testing::TestWithParam<RateCase> {};

TEST_P (Rates, FramesAndTimesAreExact)
{
  const auto [num, den] = GetParam ();
  TestBundle bundle;
  for (guint64 samples : {1, 319, 320, 321, 16000, 48000, 100001}) {
    TestPipeline p (sound (samples) + bin (bundle) +
                    "t.src ! video/x-raw,framerate=" + std::to_string (num) + "/" +
                    std::to_string (den) + " ! fakesink name=video");
    ASSERT_TRUE (p.run ()) << p.error.text;
    const Arrivals video = p.arrivals ("video");
    const guint64 expected =
        gst_util_uint64_scale_ceil (samples, (guint64)num, (guint64)den * 16000);
    EXPECT_EQ (video.count, expected) << samples;
    EXPECT_EQ (video.first, 0u);
    EXPECT_EQ (video.last, gst_util_uint64_scale (expected - 1, GST_SECOND * den, num))
        << samples;
    EXPECT_TRUE (video.in_order);
    EXPECT_EQ (video.discont, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P (All, Rates,
                          testing::Values (RateCase{24, 1}, RateCase{25, 1},
                                           RateCase{30000, 1001}, RateCase{30, 1},
                                           RateCase{50, 1}, RateCase{60, 1}),
                          [] (const auto &param) {
                            return std::to_string (param.param.num);
                          });

TEST (Pads, SinkAndSrcAloneAreEnoughAndTheRateIsTheAvatars)
{
  TestBundle bundle;
  TestPipeline p (sound (32000) + bin (bundle) + "! fakesink name=video");
  ASSERT_TRUE (p.run ()) << p.error.text;
  EXPECT_EQ (p.arrivals ("video").count, 50u);
}

TEST (Pads, AudioSrcGivesTheSoundUnchangedBesideTheFace)
{
  TestBundle bundle;
  for (const char *rate : {"24/1", "30000/1001", "60/1"}) {
    TestPipeline p ("audiotestsrc num-buffers=50 samplesperbuffer=1000 ! "
                    "audio/x-raw,format=S16LE,rate=48000,channels=2" +
                    bin (bundle) + "t.src ! video/x-raw,framerate=" + rate +
                    " ! fakesink name=video sync=true t.audio_src ! "
                    "audio/x-raw,format=S16LE,rate=48000,channels=2 ! "
                    "fakesink name=audio sync=true");
    ASSERT_TRUE (p.run ()) << p.error.text;
    const Arrivals video = p.arrivals ("video"), audio = p.arrivals ("audio");
    EXPECT_EQ (audio.count, 50u);
    EXPECT_EQ (audio.first, video.first);
    const gint64 off = GST_CLOCK_DIFF (audio.end, video.end);
    EXPECT_LT (std::abs (off), 42 * (gint64)GST_MSECOND) << rate;
  }
}

TEST (Pads, OnePassOverEverythingDoesNotLockUp)
{
  TestBundle bundle;
  TestPipeline p ("audiotestsrc num-buffers=500 samplesperbuffer=160 ! "
                  "audio/x-raw,rate=16000,channels=1" +
                  bin (bundle, "chunk-duration=0") +
                  "t.src ! fakesink name=video t.audio_src ! fakesink name=audio");
  ASSERT_TRUE (p.run ()) << p.error.text;
  EXPECT_EQ (p.arrivals ("video").count, 125u);
  EXPECT_EQ (p.arrivals ("audio").count, 500u);
}

// x264enc takes 50 frames before it gives one, while a muxer holds the sound.
TEST (Pads, AudioSrcWaitsForAnEncoderThatLooksAhead)
{
  TestBundle bundle;
  TestPipeline p ("audiotestsrc num-buffers=500 samplesperbuffer=160 ! "
                  "audio/x-raw,rate=16000,channels=1" +
                  bin (bundle) +
                  "t.src ! queue max-size-time=0 min-threshold-buffers=80 ! "
                  "fakesink name=video "
                  "t.audio_src ! fakesink name=audio");
  ASSERT_TRUE (p.run ()) << p.error.text;
  EXPECT_EQ (p.arrivals ("video").count, 125u);
}

TEST (Pads, AudioSrcMayBeReleasedAndAskedForAgain)
{
  TestBundle bundle;
  TestPipeline p (sound (16000) + bin (bundle) + "! fakesink name=video");
  auto element = p.get ("t");
  for (int n = 0; n < 3; n++) {
    GstPad *pad = gst_element_request_pad_simple (element.get (), "audio_src");
    ASSERT_NE (pad, nullptr);
    gst_element_release_request_pad (element.get (), pad);
    EXPECT_EQ (gst_bin_get_by_name (GST_BIN (element.get ()), "audio_queue"), nullptr);
    gst_object_unref (pad);
  }
  ASSERT_TRUE (p.run ()) << p.error.text;
  EXPECT_EQ (p.arrivals ("video").count, 25u);
  // Never released: goes with the bin.
  gst_object_unref (gst_element_request_pad_simple (element.get (), "audio_src"));
}

// An application asks for the pad and links it later, or never.
TEST (Pads, AudioSrcThatIsNotLinkedHoldsNothingUp)
{
  TestBundle bundle;
  TestPipeline p (sound (16000) + bin (bundle) + "! fakesink name=video");
  auto element = p.get ("t");
  GstPad *pad = gst_element_request_pad_simple (element.get (), "audio_src");
  EXPECT_TRUE (p.run ()) << p.error.text;
  EXPECT_EQ (p.arrivals ("video").count, 25u);
  gst_element_release_request_pad (element.get (), pad);
  gst_object_unref (pad);
}

// ---- sound of every kind -------------------------------------------------------

class Sounds : public testing::TestWithParam<const char *> {};

TEST_P (Sounds, AreConverted)
{
  TestBundle bundle;
  TestPipeline p (std::string ("audiotestsrc num-buffers=20 samplesperbuffer=4800 ! ") +
                  GetParam () + bin (bundle) + "! fakesink name=video");
  ASSERT_TRUE (p.run ()) << p.error.text;
  gint rate = 0;
  {
    g_autoptr (GstCaps) caps = gst_caps_from_string (GetParam ());
    gst_structure_get_int (gst_caps_get_structure (caps, 0), "rate", &rate);
  }
  const guint64 frames = gst_util_uint64_scale_ceil (20 * 4800, 25, rate);
  // Resampling may move the end by some samples.
  EXPECT_NEAR ((double)p.arrivals ("video").count, (double)frames, rate == 16000 ? 0 : 1);
}

INSTANTIATE_TEST_SUITE_P (
    All, Sounds,
    testing::Values ("audio/x-raw,format=S16LE,rate=16000,channels=1",
                     "audio/x-raw,format=S16LE,rate=48000,channels=2",
                     "audio/x-raw,format=U8,rate=8000,channels=1",
                     "audio/x-raw,format=S8,rate=44100,channels=2",
                     "audio/x-raw,format=F64LE,rate=96000,channels=6,"
                     "channel-mask=(bitmask)0x3f",
                     "audio/x-raw,format=S24_32BE,rate=11025,channels=8,"
                     "channel-mask=(bitmask)0xc3f",
                     "audio/x-raw,format=F32LE,rate=192000,channels=1"));

// Pushes `samples` as F32 mono through an appsrc and counts the frames.
guint64
frames_of (const TestBundle &bundle, const std::vector<float> &samples)
{
  TestPipeline p ("appsrc name=source format=time "
                  "caps=audio/x-raw,format=F32LE,rate=16000,channels=1,"
                  "layout=interleaved" +
                  bin (bundle) +
                  "t.src ! fakesink name=video t.audio_src ! fakesink name=audio");
  p.play ();
  auto source = p.get ("source");
  GstFlowReturn flow = GST_FLOW_OK;
  if (!samples.empty ()) {
    GstBuffer *buffer =
        gst_buffer_new_memdup (samples.data (), samples.size () * sizeof (float));
    GST_BUFFER_PTS (buffer) = 0;
    GST_BUFFER_DURATION (buffer) =
        gst_util_uint64_scale (samples.size (), GST_SECOND, 16000);
    g_signal_emit_by_name (source.get (), "push-buffer", buffer, &flow);
    gst_buffer_unref (buffer);
  }
  g_signal_emit_by_name (source.get (), "end-of-stream", &flow);
  EXPECT_TRUE (p.wait ()) << p.error.text;
  return p.arrivals ("video").count;
}

TEST (BadSound, NothingOneSampleAndNaN)
{
  TestBundle bundle;
  EXPECT_EQ (frames_of (bundle, {}), 0u);
  EXPECT_EQ (frames_of (bundle, {0.5f}), 1u);
  EXPECT_EQ (frames_of (bundle, std::vector<float> (16000, std::nanf (""))), 25u);
  EXPECT_EQ (frames_of (bundle, std::vector<float> (16000, INFINITY)), 25u);
}

// Without the bin's queues: a machine that is busy takes its time to change threads.
TEST (BadSound, ThreeHoursOfSilenceTakeNoMemory)
{
  const nlohmann::json quick = {
      {"width", 8}, {"height", 8}, {"fps", {5, 1}}, {"encoder", {{"hop", 1600}}}};
  TestBundle bundle (quick);
  const std::string avatar = " avatar=" + bundle.path ();
  const auto before = mallinfo2 ().uordblks;
  TestPipeline p ("audiotestsrc wave=silence num-buffers=10800 samplesperbuffer=16000 ! "
                  "audio/x-raw,format=F32LE,rate=16000,channels=1 ! speechfeatures" +
                  avatar + " ! speech2latent" + avatar + " ! daerender" + avatar +
                  " ! fakesink name=video");
  ASSERT_TRUE (p.run (60 * GST_SECOND)) << p.error.text;
  const Arrivals video = p.arrivals ("video");
  EXPECT_EQ (video.count, 54000u);
  EXPECT_EQ (video.last, 53999 * 200 * GST_MSECOND);
  EXPECT_LT ((double)mallinfo2 ().uordblks, (double)before + 4e6);
}

// The parser's warning (Delayed linking failed), or the demuxer's error: decodebin loses
// errors that come while it still plugs the demuxer.
TEST (BadSound, VideoWithoutSoundIsSaid)
{
  require_plugins ({"playback", "typefindfunctions", "videotestsrc", "avi"});
  g_autofree gchar *folder = g_dir_make_tmp ("daetalker-XXXXXX", nullptr);
  const std::string file = std::string (folder) + "/silent.avi";
  {
    TestPipeline writer (
        "videotestsrc num-buffers=20 ! video/x-raw,format=BGR ! avimux ! "
        "filesink location=" +
        file);
    ASSERT_TRUE (writer.run ()) << writer.error.text;
  }
  TestBundle bundle;
  TestPipeline p ("filesrc location=" + file + " ! decodebin" + bin (bundle) +
                  "! fakesink name=video");
  p.play ();
  g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (
      p.bus, 50 * GST_SECOND, GstMessageType (GST_MESSAGE_WARNING | GST_MESSAGE_ERROR));
  EXPECT_NE (message, nullptr);
  std::filesystem::remove_all (folder);
}

// ---- errors --------------------------------------------------------------------

TEST (Errors, OfThePartsArriveUnchanged)
{
  TestBundle bundle, broken (nlohmann::json::object (), TestBundle::truncated);
  TestPipeline p (sound (16000) + bin (broken) + "! fakesink");
  EXPECT_FALSE (p.run ());
  EXPECT_EQ (p.error.domain, GST_RESOURCE_ERROR);
  EXPECT_EQ (p.error.code, GST_RESOURCE_ERROR_READ);
  EXPECT_NE (p.error.text.find ("weights.bin"), std::string::npos) << p.error.text;

  for (const char *stage : {"features", "latents", "render"}) {
    const nlohmann::json changes = {
        {"behaviour",
         {{"fault_stage", stage}, {"fault_kind", "failed"}, {"fault_frame", 5}}}};
    TestBundle faulty (changes);
    TestPipeline f (sound (32000) + bin (faulty, "still-threshold=0") + "! fakesink");
    EXPECT_FALSE (f.run ()) << stage;
    EXPECT_EQ (f.error.domain, GST_LIBRARY_ERROR) << f.error.text;
    EXPECT_EQ (f.error.code, GST_LIBRARY_ERROR_FAILED) << f.error.text;
  }
}

TEST (Errors, WrongStepsAreNamedByTheRenderer)
{
  TestBundle bundle;
  TestPipeline p (sound (16000) + bin (bundle, "steps=7") + "! fakesink");
  EXPECT_FALSE (p.run ());
  EXPECT_EQ (p.error_source, "daerender");
  EXPECT_EQ (p.error.domain, GST_LIBRARY_ERROR);
  EXPECT_EQ (p.error.code, GST_LIBRARY_ERROR_SETTINGS);
}

// ---- more ----------------------------------------------------------------------

TEST (Several, TwoBinsInOnePipeline)
{
  TestBundle one, two (nlohmann::json::object (), TestBundle::none, 0.5f);
  TestPipeline p (
      sound (32000) +
      " ! tee name=split split. ! queue ! daetalkerbin avatar=" + one.path () +
      " ! video/x-raw,framerate=30/1 ! fakesink name=first split. ! queue ! "
      "daetalkerbin avatar=" +
      two.path () + " ! video/x-raw,framerate=50/1 ! fakesink name=second");
  ASSERT_TRUE (p.run ()) << p.error.text;
  EXPECT_EQ (p.arrivals ("first").count, 60u);
  EXPECT_EQ (p.arrivals ("second").count, 100u);
}

TEST (Seek, StartsTheFaceAnewAtTheTarget)
{
  TestBundle bundle;
  TestPipeline p ("audiotestsrc samplesperbuffer=1600 ! audio/x-raw,rate=16000" +
                  bin (bundle) +
                  "t.src ! fakesink name=video t.audio_src ! fakesink name=audio");
  gst_element_set_state (p.pipeline, GST_STATE_PAUSED);
  ASSERT_EQ (gst_element_get_state (p.pipeline, nullptr, nullptr, 30 * GST_SECOND),
             GST_STATE_CHANGE_SUCCESS);
  ASSERT_TRUE (gst_element_seek (
      p.pipeline, 1.0, GST_FORMAT_TIME,
      GstSeekFlags (GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE), GST_SEEK_TYPE_SET,
      10 * GST_SECOND, GST_SEEK_TYPE_SET, 12 * GST_SECOND));
  ASSERT_TRUE (p.run ()) << p.error.text;
  const Arrivals video = p.arrivals ("video"), audio = p.arrivals ("audio");
  EXPECT_EQ (video.first, 10 * GST_SECOND);
  EXPECT_EQ (video.count, 50u);
  EXPECT_EQ (audio.first, 10 * GST_SECOND);
}

// ---- presets ---------------------------------------------------------------------

TEST (Presets, RealtimeAndQualityAreFoundAndSetWhatTheySay)
{
  TestBundle bundle;
  TestPipeline p (sound (1600) + bin (bundle) + "t.src ! fakesink name=video");
  GstPreset *preset = GST_PRESET (p.get ("t").get ());
  ASSERT_TRUE (gst_preset_load_preset (preset, "quality"));
  gint chunk, steps;
  gboolean batch;
  g_autofree gchar *precision = nullptr;
  g_object_get (preset, "chunk-duration", &chunk, "steps", &steps, "precision",
                &precision, "batch", &batch, nullptr);
  EXPECT_TRUE (batch);
  EXPECT_EQ (chunk, 0);
  EXPECT_EQ (steps, 1);
  EXPECT_STREQ (precision, "float32");
  ASSERT_TRUE (gst_preset_load_preset (preset, "realtime"));
  g_object_get (preset, "chunk-duration", &chunk, "batch", &batch, nullptr);
  EXPECT_EQ (chunk, -1);
  EXPECT_FALSE (batch);
  ASSERT_TRUE (p.run ()) << p.error.text;
  EXPECT_FALSE (gst_preset_load_preset (preset, "no such preset"));
}

// A property that was renamed would be passed over without a word.
TEST (Presets, EveryLineOfTheFileIsAProperty)
{
  TestBundle bundle;
  TestPipeline p (sound (1600) + bin (bundle) + "t.src ! fakesink name=video");
  g_autofree gchar *file =
      g_build_filename (g_getenv ("GST_PRESET_PATH"), "GstDaeTalkerBin.prs", nullptr);
  g_autoptr (GKeyFile) keys = g_key_file_new ();
  ASSERT_TRUE (g_key_file_load_from_file (keys, file, G_KEY_FILE_NONE, nullptr)) << file;
  GObjectClass *klass = G_OBJECT_GET_CLASS (p.get ("t").get ());
  for (const char *name : {"realtime", "quality"}) {
    g_auto (GStrv) lines = g_key_file_get_keys (keys, name, nullptr, nullptr);
    ASSERT_NE (lines, nullptr) << name;
    for (gchar **line = lines; *line != nullptr; line++)
      EXPECT_TRUE (g_str_has_prefix (*line, "_meta/") ||
                   g_object_class_find_property (klass, *line) != nullptr)
          << *line;
  }
}

} // namespace
