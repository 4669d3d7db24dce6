// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/tensorcaps.h"
#include "testelements.h"

namespace {

std::string
refusal (const char *text, guint num_tensors)
{
  g_autoptr (GstCaps) caps = gst_caps_from_string (text);
  TensorCaps parsed;
  g_autofree gchar *reason = nullptr;
  if (daetalker_tensor_caps_parse (caps, num_tensors, &parsed, &reason)) {
    EXPECT_EQ (reason, nullptr);
    return "";
  }
  EXPECT_NE (reason, nullptr) << text;
  return reason ? reason : "no reason";
}

TEST (TensorCaps, WhatIsBuiltIsParsed)
{
  g_autoptr (GstCaps) caps = daetalker_latent_caps_new (512, 30000, 1001, "abc");
  TensorCaps parsed;
  ASSERT_TRUE (daetalker_tensor_caps_parse (caps, 2, &parsed, nullptr));
  EXPECT_EQ (parsed.size, 512u);
  EXPECT_EQ (parsed.rate_num, 30000);
  EXPECT_EQ (parsed.rate_den, 1001);
  EXPECT_STREQ (parsed.tensor_id, DAETALKER_LATENT_ID);
  EXPECT_STREQ (parsed.model_hash, "abc");

  g_autoptr (GstCaps) features = daetalker_features_caps_new (768, 50, 1, "", 2);
  ASSERT_TRUE (daetalker_tensor_caps_parse (features, 1, &parsed, nullptr));
  EXPECT_EQ (parsed.size, 768u);
  EXPECT_EQ (parsed.chunk, 2);
  EXPECT_EQ (parsed.model_hash, nullptr);
}

TEST (TensorCaps, FitTheTemplates)
{
  g_autoptr (GstCaps) features = daetalker_features_caps_new (6, 50, 1, "x", 0);
  g_autoptr (GstCaps) features_template = gst_caps_from_string (DAETALKER_FEATURES_CAPS);
  EXPECT_TRUE (gst_caps_is_subset (features, features_template));
  g_autoptr (GstCaps) latent = daetalker_latent_caps_new (8, 25, 1, "x");
  g_autoptr (GstCaps) latent_template = gst_caps_from_string (DAETALKER_LATENT_CAPS);
  EXPECT_TRUE (gst_caps_is_subset (latent, latent_template));
  EXPECT_FALSE (gst_caps_is_subset (latent, features_template));
}

TEST (TensorCaps, NnstreamersShortAndSpacedFormsAreRead)
{
  EXPECT_EQ (refusal ("other/tensors,format=static,num_tensors=1,types=float32,"
                      "dimensions=(string)512",
                      1),
             "");
  EXPECT_EQ (refusal ("other/tensors,format=static,num_tensors=2,"
                      "types=(string)\"float32, float32\",dimensions=(string)\"4:2, 3\"",
                      2),
             "");
}

TEST (TensorCaps, EverythingElseIsRefusedWithAReason)
{
  const char *head = "other/tensors,format=static,num_tensors=1,";
  const char *bad[] = {
      "types=float32,dimensions=(string)0",
      "types=float32,dimensions=(string)-1",
      "types=float32,dimensions=(string)\"\"",
      "types=float32,dimensions=(string)x",
      "types=float32,dimensions=(string)4::4",
      "types=float32,dimensions=(string)99999999999999999999",
      "types=float32,dimensions=(string)65536:65536:65536:65536",
      "types=float32,dimensions=(string)16777217",
      "types=float32",
      "dimensions=(string)4",
      "types=uint8,dimensions=(string)4",
      "types=float32,dimensions=(string)\"4,4\"",
      "types=float32,dimensions=(string)4,framerate=(fraction)[1/1,50/1]"};
  for (const char *tail : bad)
    EXPECT_NE (refusal ((std::string (head) + tail).c_str (), 1), "") << tail;
  EXPECT_NE (refusal ("video/x-raw", 1), "");
  EXPECT_NE (refusal ("ANY", 1), "");
  EXPECT_NE (refusal ("EMPTY", 1), "");
  EXPECT_NE (refusal ("other/tensors,format=flexible,num_tensors=1", 1), "");
  EXPECT_NE (refusal ("other/tensors,format=static,num_tensors=2,"
                      "types=(string)\"float32,float32\",dimensions=(string)\"8,4\"",
                      2),
             "")
      << "a pose has 3 numbers";
}

} // namespace
