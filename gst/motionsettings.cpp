// SPDX-License-Identifier: LGPL-2.1-or-later
#include "motionsettings.h"

#include <algorithm>

namespace {

enum Property {
  pose_mode,
  yaw,
  pitch,
  roll,
  motion_scale,
  silence,
  blink_rate,
  idle_motion,
  seed,
};

} // namespace

GType
gst_speech2latent_pose_mode_get_type ()
{
  static const GEnumValue values[] = {
      {GST_SPEECH2LATENT_POSE_PREDICTED, "From the speech", "predicted"},
      {GST_SPEECH2LATENT_POSE_MANUAL, "From yaw, pitch and roll", "manual"},
      {GST_SPEECH2LATENT_POSE_STREAM, "From the pad pose", "stream"},
      {GST_SPEECH2LATENT_POSE_STILL, "The avatar's rest pose", "still"},
      {0, nullptr, nullptr},
  };
  static const GType type = g_enum_register_static ("GstSpeech2LatentPoseMode", values);
  return type;
}

GType
gst_speech2latent_silence_get_type ()
{
  static const GEnumValue values[] = {
      {GST_SPEECH2LATENT_SILENCE_MODEL, "What the network makes of silence", "model"},
      {GST_SPEECH2LATENT_SILENCE_REST, "The avatar's rest latent", "rest"},
      {0, nullptr, nullptr},
  };
  static const GType type = g_enum_register_static ("GstSpeech2LatentSilence", values);
  return type;
}

void
MotionSettings::install (GObjectClass *klass, guint first)
{
  const auto playing = GParamFlags (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                    GST_PARAM_MUTABLE_PLAYING);
  const auto controlled = GParamFlags (playing | GST_PARAM_CONTROLLABLE);
  auto install_float = [&] (guint id, const gchar *name, const gchar *nick,
                            const gchar *blurb, float low, float high, float value) {
    g_object_class_install_property (
        klass, first + id,
        g_param_spec_float (name, nick, blurb, low, high, value, controlled));
  };
  g_object_class_install_property (
      klass, first + Property::pose_mode,
      g_param_spec_enum ("pose-mode", "Pose mode", "Where the head's pose comes from",
                         gst_speech2latent_pose_mode_get_type (),
                         GST_SPEECH2LATENT_POSE_PREDICTED, playing));
  install_float (Property::yaw, "yaw", "Yaw",
                 "Turn of the head in degrees, to the person's left positive", -180, 180,
                 0);
  install_float (Property::pitch, "pitch", "Pitch",
                 "Nod of the head in degrees, up positive", -180, 180, 0);
  install_float (Property::roll, "roll", "Roll",
                 "Tilt of the head in degrees, clockwise as seen positive", -180, 180, 0);
  install_float (Property::motion_scale, "motion-scale", "Motion scale",
                 "Scale of the predicted pose's excursions from rest", 0, 10, 1);
  g_object_class_install_property (
      klass, first + Property::silence,
      g_param_spec_enum ("silence", "Silence",
                         "What the face does where there is no speech",
                         gst_speech2latent_silence_get_type (),
                         GST_SPEECH2LATENT_SILENCE_MODEL, playing));
  install_float (Property::blink_rate, "blink-rate", "Blink rate",
                 "Blinks a minute (-1: the person's own rate, 0: none)", -1, 120, -1);
  install_float (Property::idle_motion, "idle-motion", "Idle motion",
                 "Sway of a head whose pose is predicted: 1 is the person's, 0 none", 0,
                 10, 0.5);
  g_object_class_install_property (
      klass, first + Property::seed,
      g_param_spec_uint ("seed", "Seed", "Of blinks and idle motion; read at the start", 0,
                         G_MAXUINT, 1,
                         GParamFlags (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                      GST_PARAM_MUTABLE_READY)));
  gst_type_mark_as_plugin_api (gst_speech2latent_pose_mode_get_type (),
                               (GstPluginAPIFlags)0);
  gst_type_mark_as_plugin_api (gst_speech2latent_silence_get_type (),
                               (GstPluginAPIFlags)0);
}

bool
MotionSettings::set (guint id, guint first, const GValue *value)
{
  switch (id - first) {
  case Property::pose_mode:
    pose_mode = (GstSpeech2LatentPoseMode)g_value_get_enum (value);
    return true;
  case Property::yaw:
  case Property::pitch:
  case Property::roll:
    pose[id - first - Property::yaw] = g_value_get_float (value);
    return true;
  case Property::motion_scale:
    motion_scale = g_value_get_float (value);
    return true;
  case Property::silence:
    silence = (GstSpeech2LatentSilence)g_value_get_enum (value);
    return true;
  case Property::blink_rate:
    blink_rate = g_value_get_float (value);
    return true;
  case Property::idle_motion:
    idle_motion = g_value_get_float (value);
    return true;
  case Property::seed:
    seed = g_value_get_uint (value);
    return true;
  default:
    return false;
  }
}

bool
MotionSettings::get (guint id, guint first, GValue *value) const
{
  switch (id - first) {
  case Property::pose_mode:
    g_value_set_enum (value, pose_mode);
    return true;
  case Property::yaw:
  case Property::pitch:
  case Property::roll:
    g_value_set_float (value, pose[id - first - Property::yaw]);
    return true;
  case Property::motion_scale:
    g_value_set_float (value, motion_scale);
    return true;
  case Property::silence:
    g_value_set_enum (value, silence);
    return true;
  case Property::blink_rate:
    g_value_set_float (value, blink_rate);
    return true;
  case Property::idle_motion:
    g_value_set_float (value, idle_motion);
    return true;
  case Property::seed:
    g_value_set_uint (value, seed);
    return true;
  default:
    return false;
  }
}

void
MotionSettings::apply (const daetalker::AvatarInfo &info,
                       const std::optional<daetalker::Pose> &streamed,
                       const daetalker::Pose &sway, daetalker::Pose &used) const
{
  switch (pose_mode) {
  case GST_SPEECH2LATENT_POSE_PREDICTED:
    for (std::size_t i = 0; i < used.size (); i++)
      used[i] =
          info.rest_pose[i] + motion_scale * (used[i] - info.rest_pose[i]) + sway[i];
    return;
  case GST_SPEECH2LATENT_POSE_STILL:
    used = info.rest_pose;
    return;
  case GST_SPEECH2LATENT_POSE_MANUAL:
    used = pose;
    break;
  case GST_SPEECH2LATENT_POSE_STREAM:
    used = streamed.value_or (info.rest_pose);
    break;
  }
  for (std::size_t i = 0; i < used.size (); i++)
    used[i] = std::clamp (used[i], info.pose_min[i], info.pose_max[i]);
}
