// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/gst.h>

#define GST_TYPE_SPEECH2LATENT (gst_speech2latent_get_type ())
G_DECLARE_FINAL_TYPE (GstSpeech2Latent, gst_speech2latent, GST, SPEECH2LATENT,
                      GstBaseTransform)
GST_ELEMENT_REGISTER_DECLARE (speech2latent)

// Where the head's pose comes from.
typedef enum {
  GST_SPEECH2LATENT_POSE_PREDICTED, // from the speech
  GST_SPEECH2LATENT_POSE_MANUAL,    // the properties yaw, pitch and roll
  GST_SPEECH2LATENT_POSE_STREAM,    // the pad `pose`
  GST_SPEECH2LATENT_POSE_STILL,     // the avatar's rest pose
} GstSpeech2LatentPoseMode;
GType gst_speech2latent_pose_mode_get_type ();

// What the face does where there is no speech.
typedef enum {
  GST_SPEECH2LATENT_SILENCE_MODEL, // what the network makes of silence
  GST_SPEECH2LATENT_SILENCE_REST,  // the avatar's rest latent
} GstSpeech2LatentSilence;
GType gst_speech2latent_silence_get_type ();
