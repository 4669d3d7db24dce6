// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What links, what is refused and how it is said; rates that change.
#include "speechharness.h"

namespace {

#define FEATURES(size)                                                                   \
  "other/tensors,format=static,num_tensors=1,types=float32,dimensions=(string)" size

std::string
query_sink_caps (GstElement *element)
{
  g_autoptr (GstPad) pad = gst_element_get_static_pad (element, "sink");
  g_autoptr (GstCaps) caps = gst_pad_query_caps (pad, nullptr);
  g_autofree gchar *text = gst_caps_to_string (caps);
  return text;
}

TEST (SpeechCaps, RatesAreTheEncoders)
{
  TestBundle bundle (nlohmann::json{{"encoder", {{"sample_rate", 8000}, {"hop", 400}}}});
  SpeechHarness t (bundle, "speechfeatures name=f");
  EXPECT_NE (query_sink_caps (t.features).find ("[ 1, 2147483647 ]"), std::string::npos);
  t.start ("audio/x-raw,format=" GST_AUDIO_NE (
      F32) ",rate=8000,channels=1,layout=interleaved");
  EXPECT_NE (query_sink_caps (t.features).find ("rate=(int)8000"), std::string::npos);
  t.push_at (0, std::vector<float> (8000, 0.5f));
  t.eos ();
  EXPECT_EQ (t.take ().size (), 20u);
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (t.h->sinkpad);
  const GstStructure *s = gst_caps_get_structure (caps, 0);
  gint num, den;
  ASSERT_TRUE (gst_structure_get_fraction (s, "framerate", &num, &den));
  EXPECT_EQ (num, 20);
  EXPECT_EQ (den, 1);
  EXPECT_STREQ (gst_structure_get_string (s, "dimensions"), "6:1:1:1");
  EXPECT_STREQ (gst_structure_get_string (s, "model-hash"), "0123abcd");
}

TEST (SpeechCaps, OtherAudioIsRefused)
{
  TestBundle bundle;
  for (const char *caps :
       {"audio/x-raw,format=" GST_AUDIO_NE (F32) ",rate=48000,channels=1,"
                                                 "layout=interleaved",
        "audio/x-raw,format=" GST_AUDIO_NE (F32) ",rate=16000,channels=2,"
                                                 "layout=interleaved",
        "audio/x-raw,format=" GST_AUDIO_NE (S16) ",rate=16000,channels=1,"
                                                 "layout=interleaved",
        "video/x-raw"}) {
    SpeechHarness t (bundle, "speechfeatures name=f");
    t.start (caps);
    EXPECT_EQ (t.push_at (0, ramp (320)), GST_FLOW_NOT_NEGOTIATED) << caps;
  }
}

TEST (SpeechCaps, BuffersWithoutCapsAreRefused)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speechfeatures name=f");
  t.h = gst_harness_new_with_element (t.bin, "sink", "src");
  gst_harness_play (t.h);
  t.push_event (gst_event_new_stream_start ("stream"));
  t.push_segment (0);
  EXPECT_EQ (t.push_at (0, ramp (320)), GST_FLOW_NOT_NEGOTIATED);
}

// A wrong partner is refused with words, not with a bare "not negotiated".
TEST (SpeechCaps, FeaturesOfAnotherEncoderAreRefused)
{
  TestBundle bundle, other (nlohmann::json{{"encoder", {{"hash", "another"}}}});
  SpeechHarness t (bundle);
  g_object_set (t.latents, "avatar", other.c_str (), nullptr);
  t.start ();
  EXPECT_NE (t.push (ramp (16000)), GST_FLOW_OK);
  const BusError error = pop_error (t.bus);
  EXPECT_EQ (error.domain, GST_STREAM_ERROR);
  EXPECT_EQ (error.code, GST_STREAM_ERROR_WRONG_TYPE);
  for (const std::string &part :
       {std::string ("0123abcd"), std::string ("another"), other.path ()})
    EXPECT_NE (error.text.find (part), std::string::npos) << error.text;
}

TEST (SpeechCaps, StreamsThatHoldSomethingElseAreRefused)
{
  TestBundle bundle;
  for (const char *caps : {
           FEATURES ("7:1:1:1") ",framerate=50/1",  // size
           FEATURES ("6:1:1:1") ",framerate=100/1", // rate
           FEATURES ("6:1:1:1") ",framerate=50/1,tensor-id=face-latent",
           FEATURES ("0:1:1:1") ",framerate=50/1",
           FEATURES ("what") ",framerate=50/1",
       }) {
    SpeechHarness t (bundle, "speech2latent name=l");
    t.start (caps);
    EXPECT_NE (t.push_at (0, std::vector<float> (6)), GST_FLOW_OK) << caps;
    const BusError error = pop_error (t.bus);
    EXPECT_EQ (error.domain, GST_STREAM_ERROR) << caps;
    EXPECT_EQ (error.code, GST_STREAM_ERROR_WRONG_TYPE) << caps;
  }
}

TEST (SpeechCaps, StrangersFeaturesAreTaken)
{
  TestBundle bundle;
  for (const char *caps : {FEATURES ("6"), FEATURES ("6:1:1:1:1:1:1:1") ",framerate=0/1",
                           FEATURES ("6:1") ",framerate=50/1"}) {
    SpeechHarness t (bundle, "speech2latent name=l");
    t.start (caps);
    for (guint64 k = 0; k < 50; k++)
      EXPECT_EQ (t.push_at (k * 20 * GST_MSECOND, std::vector<float> (6)), GST_FLOW_OK);
    t.eos ();
    EXPECT_EQ (t.take ().size (), 25u) << caps;
  }
}

TEST (SpeechCaps, FramesOfTheWrongSizeAreAnError)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speech2latent name=l");
  t.start (FEATURES ("6") ",framerate=50/1");
  EXPECT_EQ (t.push_at (0, std::vector<float> (12)), GST_FLOW_ERROR);
  const BusError error = pop_error (t.bus);
  EXPECT_EQ (error.domain, GST_STREAM_ERROR);
  EXPECT_EQ (error.code, GST_STREAM_ERROR_FORMAT);
}

TEST (SpeechCaps, RatesWithoutFramesAreRefused)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speechfeatures name=f ! speech2latent name=l", "0/1");
  t.start ();
  EXPECT_EQ (t.push (ramp (16000)), GST_FLOW_NOT_NEGOTIATED);
}

TEST (SpeechCaps, RateMayChangeInMidStream)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speechfeatures name=f ! speech2latent name=l", "25/1");
  t.start ();
  t.push (ramp (16000));
  const auto before = t.take ();
  gst_harness_set_sink_caps_str (t.h, "other/tensors,framerate=(fraction)50/1");
  gst_harness_push_upstream_event (t.h, gst_event_new_reconfigure ());
  t.push (ramp (16000, 16000));
  t.eos ();
  const auto after = t.take ();
  ASSERT_FALSE (after.empty ());
  EXPECT_EQ (after[0].pts, before.back ().end ()) << "no hole, no overlap";
  EXPECT_EQ (after[0].duration, 20 * GST_MSECOND);
  EXPECT_EQ (after.back ().end (), 2 * GST_SECOND);
  for (gsize i = 1; i < after.size (); i++)
    EXPECT_EQ (after[i].pts, after[i - 1].end ());
}

// Golden facts that users see in gst-inspect-1.0.
TEST (SpeechElements, AreWhatTheyClaim)
{
  const struct {
    const char *name, *klass;
    std::vector<const char *> properties;
  } elements[] = {
      {"speechfeatures",
       "Analyzer/Audio",
       {"avatar", "device", "precision", "threads", "allow-unconsented", "encoder",
        "layer", "chunk-duration", "look-ahead", "latency", "stats"}},
      {"speech2latent",
       "Filter/Metadata",
       {"avatar", "device", "precision", "threads", "allow-unconsented", "pose-mode",
        "yaw", "pitch", "roll", "motion-scale", "silence", "blink-rate", "idle-motion",
        "seed", "look-ahead", "latency", "stats"}}};
  for (const auto &one : elements) {
    g_autoptr (GstElementFactory) factory = gst_element_factory_find (one.name);
    ASSERT_NE (factory, nullptr);
    EXPECT_EQ (gst_plugin_feature_get_rank (GST_PLUGIN_FEATURE (factory)), 0u);
    EXPECT_STREQ (gst_element_factory_get_metadata (factory, GST_ELEMENT_METADATA_KLASS),
                  one.klass);
    g_autoptr (GstElement) element =
        (GstElement *)gst_object_ref_sink (gst_element_factory_create (factory, nullptr));
    EXPECT_TRUE (GST_IS_PRESET (element));
    for (const char *name : one.properties) {
      GParamSpec *spec =
          g_object_class_find_property (G_OBJECT_GET_CLASS (element), name);
      ASSERT_NE (spec, nullptr) << name;
      const bool turns =
          g_str_has_suffix (name, "aw") || g_str_equal (name, "pitch") ||
          g_str_equal (name, "roll") || g_str_equal (name, "motion-scale") ||
          g_str_equal (name, "blink-rate") || g_str_equal (name, "idle-motion");
      EXPECT_EQ ((spec->flags & GST_PARAM_CONTROLLABLE) != 0, turns) << name;
    }
  }
}

} // namespace
