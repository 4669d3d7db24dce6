// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Everything that can be wrong with an avatar, a device, an encoder: domain and
// code on the bus, the file in the text, and the state change fails.
#include "speechharness.h"

namespace {

struct Case {
  const char *name;
  TestBundle::Damage damage;
  GQuark (*domain) ();
  gint code;
  const char *named; // what the text has to name
};

const Case cases[] = {
    {"no_json", TestBundle::no_json, gst_resource_error_quark,
     GST_RESOURCE_ERROR_NOT_FOUND, "avatar.json"},
    {"no_weights", TestBundle::no_weights, gst_resource_error_quark,
     GST_RESOURCE_ERROR_NOT_FOUND, "weights.bin"},
    {"bad_json", TestBundle::bad_json, gst_resource_error_quark, GST_RESOURCE_ERROR_READ,
     "avatar.json"},
    {"truncated", TestBundle::truncated, gst_resource_error_quark,
     GST_RESOURCE_ERROR_READ, "weights.bin"},
    {"wrong_hash", TestBundle::wrong_hash, gst_resource_error_quark,
     GST_RESOURCE_ERROR_READ, "weights.bin"},
    {"nan_weight", TestBundle::nan_weight, gst_resource_error_quark,
     GST_RESOURCE_ERROR_READ, "NaN"},
    {"no_consent", TestBundle::no_consent, gst_resource_error_quark,
     GST_RESOURCE_ERROR_NOT_AUTHORIZED, "allow-unconsented"},
};

class Damaged : public testing::TestWithParam<std::tuple<const char *, Case>> {};

void
expect_refused (SpeechHarness &t, GQuark domain, gint code, const std::string &named)
{
  EXPECT_EQ (gst_element_set_state (t.bin, GST_STATE_READY), GST_STATE_CHANGE_FAILURE);
  const BusError error = pop_error (t.bus);
  EXPECT_EQ (error.domain, domain);
  EXPECT_EQ (error.code, code);
  EXPECT_NE (error.text.find (named), std::string::npos) << error.text;
  EXPECT_EQ (pop_error (t.bus).domain, 0u) << "one error is enough";
  gst_element_set_state (t.bin, GST_STATE_NULL);
}

TEST_P (Damaged, AvatarIsRefused)
{
  const auto &[element, one] = GetParam ();
  TestBundle good, bad (nlohmann::json::object (), one.damage);
  SpeechHarness t (bad, element);
  expect_refused (t, one.domain (), one.code, one.named);
  // What failed once works once it is put right.
  GstElement *inside = t.features ? t.features : t.latents;
  g_object_set (inside, "avatar", good.c_str (), nullptr);
  EXPECT_EQ (gst_element_set_state (t.bin, GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
}

INSTANTIATE_TEST_SUITE_P (Elements, Damaged,
                          testing::Combine (testing::Values ("speechfeatures name=f",
                                                             "speech2latent name=l"),
                                            testing::ValuesIn (cases)),
                          [] (const auto &info) {
                            const bool first =
                                std::string (std::get<0> (info.param)).back () == 'f';
                            return std::string (first ? "features_" : "latent_") +
                                   std::get<1> (info.param).name;
                          });

TEST (SpeechErrors, NoAvatarSaysWhereItLooked)
{
  TestBundle bundle;
  for (const char *element : {"speechfeatures name=f", "speech2latent name=l"}) {
    SpeechHarness t (bundle, element);
    g_object_set (t.features ? t.features : t.latents, "avatar", nullptr, nullptr);
    expect_refused (t, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "grid-s1");
    g_object_set (t.features ? t.features : t.latents, "avatar", "nobody", nullptr);
    expect_refused (t, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "nobody");
    g_object_set (t.features ? t.features : t.latents, "avatar", "/no/such/folder",
                  nullptr);
    expect_refused (t, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND,
                    "/no/such/folder");
  }
}

TEST (SpeechErrors, UnknownDeviceIsRefused)
{
  TestBundle bundle;
  for (const char *element : {"speechfeatures name=f", "speech2latent name=l"}) {
    SpeechHarness t (bundle, element);
    g_object_set (t.features ? t.features : t.latents, "device", "cuda:7", nullptr);
    expect_refused (t, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "cuda:7");
    g_object_set (t.features ? t.features : t.latents, "device", "cpu", nullptr);
    EXPECT_EQ (gst_element_set_state (t.bin, GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
  }
}

TEST (SpeechErrors, UnknownPrecisionIsRefused)
{
  TestBundle bundle;
  SpeechHarness t (bundle, "speechfeatures name=f precision=float7");
  expect_refused (t, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS, "float7");
}

TEST (SpeechErrors, UnconsentedAvatarsCanBeAllowed)
{
  TestBundle bundle (nlohmann::json::object (), TestBundle::no_consent);
  SpeechHarness t (bundle, "speechfeatures name=f allow-unconsented=true ! "
                           "speech2latent name=l allow-unconsented=true");
  EXPECT_EQ (gst_element_set_state (t.bin, GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
}

TEST (SpeechErrors, EncoderFolders)
{
  TestBundle bundle;
  const std::string folder = bundle.write_encoder ();
  SpeechHarness t (bundle, "speechfeatures name=f layer=13");
  g_object_set (t.features, "encoder", "/no/such/encoder", nullptr);
  expect_refused (t, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND,
                  "/no/such/encoder");
  g_object_set (t.features, "encoder", folder.c_str (), nullptr);
  expect_refused (t, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS, "13");
  g_object_set (t.features, "layer", 9, nullptr);
  t.start ();
  t.push (ramp (16000));
  t.eos ();
  EXPECT_EQ (t.take ().size (), 50u);
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (t.h->sinkpad);
  EXPECT_STREQ (gst_structure_get_string (gst_caps_get_structure (caps, 0), "model-hash"),
                "0123abcd-9");
}

// What fails in the middle of a stream: an error, GST_FLOW_ERROR, no abort.
TEST (SpeechErrors, FailuresInMidStream)
{
  const struct {
    const char *kind;
    GQuark domain;
    gint code;
  } kinds[] = {
      {"error", GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED},
      {"exception", GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED},
      {"no_memory", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT},
      {"bad_alloc", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT},
  };
  for (const char *stage : {"features", "latents"}) {
    for (const auto &kind : kinds) {
      TestBundle bundle (nlohmann::json{
          {"behaviour",
           {{"fault_stage", stage}, {"fault_kind", kind.kind}, {"fault_frame", 20}}}});
      SpeechHarness t (bundle);
      t.start ();
      GstFlowReturn flow = GST_FLOW_OK;
      for (int i = 0; i < 100 && flow == GST_FLOW_OK; i++)
        flow = t.push (ramp (320));
      EXPECT_EQ (flow, GST_FLOW_ERROR) << stage << " " << kind.kind;
      const BusError error = pop_error (t.bus);
      EXPECT_EQ (error.domain, kind.domain) << stage << " " << kind.kind;
      EXPECT_EQ (error.code, kind.code);
      t.eos ();
    }
  }
}

} // namespace
