// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Caps of the streams between the elements: NNStreamer's static tensors
// (`other/tensors,format=static`: bare float32, innermost dimension first, one
// memory per tensor) with fields of our own: `tensor-id` and `model-hash`, by which
// a wrong partner is refused at negotiation, and `chunk-frames` of features.
#pragma once

#include <gst/gst.h>

// Values of the field `tensor-id`.
#define DAETALKER_FEATURES_ID "speech-features" // 1 tensor: [feature_size]
#define DAETALKER_LATENT_ID "face-latent"       // 2 tensors: [latent_size], pose [3]

// Template caps: everything that a tensor stream of that kind may be.
#define DAETALKER_TENSORS_CAPS(num_tensors, types)                                       \
  "other/tensors, format=(string)static, num_tensors=(int)" num_tensors                  \
  ", types=(string)\"" types "\", framerate=(fraction)[ 0/1, 2147483647/1 ]"
#define DAETALKER_FEATURES_CAPS DAETALKER_TENSORS_CAPS ("1", "float32")
#define DAETALKER_LATENT_CAPS DAETALKER_TENSORS_CAPS ("2", "float32,float32")

// Fixed in everything but the frame rate; `rate_den` 0 leaves framerate out, so
// that the caller may set a range.  `chunk`: so many frames come at once, all but the
// last of them later than they need to; 0: all of the stream's.
GstCaps *daetalker_features_caps_new (guint size, gint rate_num, gint rate_den,
                                      const gchar *model_hash, gint chunk);
GstCaps *daetalker_latent_caps_new (guint size, gint rate_num, gint rate_den,
                                    const gchar *model_hash);

// What a tensor stream's fixed caps say.
struct TensorCaps {
  guint size = 0; // numbers in the first tensor
  gint rate_num = 0;
  gint rate_den = 1;
  gint chunk = 1; // frames that come at once; 1 where the caps do not say
  const gchar *tensor_id = nullptr;  // owned by the caps; nullptr where absent
  const gchar *model_hash = nullptr; // owned by the caps; nullptr where absent
};

// FALSE, with words for people in `reason` (free with g_free), if `caps` are not
// static float32 tensors with as many tensors as `num_tensors`.  Sizes whose
// product overflows or exceeds 2^24 are refused.
gboolean daetalker_tensor_caps_parse (const GstCaps *caps, guint num_tensors,
                                      TensorCaps *parsed, gchar **reason);
