// SPDX-License-Identifier: LGPL-2.1-or-later
#include "latentcaps.h"

#include "tensorcaps.h"

using daetalker::AvatarInfo;

GstCaps *
daetalker_latent_pad_caps (const AvatarInfo *info, GstPadDirection direction)
{
  GstCaps *caps;
  if (direction == GST_PAD_SINK) {
    caps = gst_caps_from_string (DAETALKER_FEATURES_CAPS);
    gst_caps_set_simple (caps, "tensor-id", G_TYPE_STRING, DAETALKER_FEATURES_ID,
                         nullptr);
    if (info != nullptr)
      gst_caps_set_simple (caps, "model-hash", G_TYPE_STRING, info->encoder_hash.c_str (),
                           nullptr);
    return caps;
  }
  caps = info != nullptr ? daetalker_latent_caps_new ((guint)info->latent_size, 0, 0,
                                                      info->hash.c_str ())
                         : gst_caps_from_string (DAETALKER_LATENT_CAPS);
  // 0/1 is no rate to interpolate at.
  gst_caps_set_simple (caps, "framerate", GST_TYPE_FRACTION_RANGE, 1, 1, 1000, 1,
                       nullptr);
  return caps;
}

std::string
daetalker_features_misfit (const AvatarInfo &info, const GstCaps *caps)
{
  TensorCaps in;
  g_autofree gchar *reason = nullptr;
  if (!daetalker_tensor_caps_parse (caps, 1, &in, &reason))
    return reason;
  if (in.tensor_id != nullptr && !g_str_equal (in.tensor_id, DAETALKER_FEATURES_ID))
    return std::string ("it carries ") + in.tensor_id;
  if (in.model_hash != nullptr && info.encoder_hash != in.model_hash)
    return std::string ("its features come from the speech encoder ") + in.model_hash +
           ", and the avatar was trained on " + info.encoder_hash;
  if (in.size != (guint)info.feature_size)
    return "a frame has " + std::to_string (in.size) + " numbers, and the avatar wants " +
           std::to_string (info.feature_size);
  if (in.rate_num != 0 && (gint64)in.rate_num * info.feature_rate.den !=
                              (gint64)info.feature_rate.num * in.rate_den)
    return "it has " + std::to_string (in.rate_num) + "/" + std::to_string (in.rate_den) +
           " frames a second, and the avatar wants " +
           std::to_string (info.feature_rate.num) + "/" +
           std::to_string (info.feature_rate.den);
  return "";
}
