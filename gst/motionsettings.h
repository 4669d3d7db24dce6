// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How the head moves and what it does in silence: the properties of speech2latent
// that may change from frame to frame.
#pragma once

#include <gst/gst.h>

#include <optional>

#include "models/engine.h"

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

// pose-mode, yaw, pitch, roll, motion-scale, silence, blink-rate, idle-motion, seed.
struct MotionSettings {
  GstSpeech2LatentPoseMode pose_mode = GST_SPEECH2LATENT_POSE_PREDICTED;
  daetalker::Pose pose{}; // manual
  float motion_scale = 1;
  GstSpeech2LatentSilence silence = GST_SPEECH2LATENT_SILENCE_MODEL;
  float blink_rate = -1;
  float idle_motion = 0.5; // more shows where an avatar draws turned heads badly
  guint seed = 1;

  // Property ids [first, first + count) are these.
  static constexpr guint count = 9;
  static void install (GObjectClass *klass, guint first);

  // FALSE if `id` is none of them.  Call them with the object lock held.
  bool set (guint id, guint first, const GValue *value);
  bool get (guint id, guint first, GValue *value) const;

  // Leaves the pose to use in `pose`, which holds the predicted one.  `streamed`:
  // the pad's pose, if there is any; `sway`: of IdleMotion, added to a predicted pose.
  // All but the predicted one are limited to the range that the avatar has seen in
  // training.
  void apply (const daetalker::AvatarInfo &info,
              const std::optional<daetalker::Pose> &streamed,
              const daetalker::Pose &sway, daetalker::Pose &pose) const;
};
