// SPDX-License-Identifier: LGPL-2.1-or-later
#include "speechsettings.h"

#include <cmath>

#include "engineloader.h"

namespace {

enum Property { encoder = AvatarSettings::count, layer, chunk_duration, look_ahead };

} // namespace

void
SpeechSettings::install (GObjectClass *klass, guint first)
{
  const auto ready =
      GParamFlags (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
  AvatarSettings::install (klass, first, GST_PARAM_MUTABLE_READY);
  g_object_class_install_property (
      klass, first + Property::encoder,
      g_param_spec_string ("encoder", "Encoder",
                           "Folder of a speech encoder as Hugging Face writes it (unset: "
                           "the avatar's own)",
                           nullptr, ready));
  g_object_class_install_property (
      klass, first + Property::layer,
      g_param_spec_int ("layer", "Layer",
                        "Hidden state that `encoder` gives: 0 is before the first block, "
                        "-1 the last",
                        -1, 1000, -1, ready));
  g_object_class_install_property (
      klass, first + Property::chunk_duration,
      g_param_spec_int (
          "chunk-duration", "Chunk duration",
          "Speech that is encoded at a time, in milliseconds (0: everything "
          "up to the end in one pass; -1: the encoder's own)",
          -1, 60000, -1, ready));
  g_object_class_install_property (
      klass, first + Property::look_ahead,
      g_param_spec_int ("look-ahead", "Look-ahead",
                        "Future speech that a chunk sees, in milliseconds (-1: the "
                        "encoder's own)",
                        -1, 60000, -1, ready));
}

bool
SpeechSettings::set (guint id, guint first, const GValue *value)
{
  switch (id - first) {
  case Property::encoder:
    encoder = g_value_get_string (value) ? g_value_get_string (value) : "";
    return true;
  case Property::layer:
    layer = g_value_get_int (value);
    return true;
  case Property::chunk_duration:
    chunk_ms = g_value_get_int (value);
    return true;
  case Property::look_ahead:
    look_ahead_ms = g_value_get_int (value);
    return true;
  default:
    return avatar.set (id, first, value);
  }
}

bool
SpeechSettings::get (guint id, guint first, GValue *value) const
{
  switch (id - first) {
  case Property::encoder:
    g_value_set_string (value, encoder.empty () ? nullptr : encoder.c_str ());
    return true;
  case Property::layer:
    g_value_set_int (value, layer);
    return true;
  case Property::chunk_duration:
    g_value_set_int (value, chunk_ms);
    return true;
  case Property::look_ahead:
    g_value_set_int (value, look_ahead_ms);
    return true;
  default:
    return avatar.get (id, first, value);
  }
}

bool
SpeechSettings::opens_like (const SpeechSettings &other) const
{
  return avatar == other.avatar && encoder == other.encoder && layer == other.layer;
}

SpeechSettings::Opened
SpeechSettings::open (GstElement *element) const
{
  Opened opened;
  if (encoder.empty ()) {
    auto owner = avatar.open (element);
    opened = {owner->speech_encoder (), owner->info ().precision};
  } else {
    opened = {
        daetalker_engine_load ().open_speech_encoder (encoder, avatar.options, layer),
        avatar.options.precision};
  }
  const daetalker::SpeechEncoderInfo &info = opened.encoder->info ();
  GST_INFO_OBJECT (element, "encoder %s (%s) runs on %s", info.name.c_str (),
                   info.hash.c_str (), info.device.c_str ());
  return opened;
}

daetalker::Window
SpeechSettings::window (const daetalker::SpeechEncoderInfo &info) const
{
  auto to_frames = [&info] (int ms) {
    // A whole number of frames stays what it is.
    return (int)std::ceil (ms * 1e-3 * info.sample_rate / info.hop - 1e-9);
  };
  daetalker::Window window = info.window;
  if (chunk_ms >= 0)
    window.chunk = to_frames (chunk_ms);
  if (look_ahead_ms >= 0)
    window.right = to_frames (look_ahead_ms);
  return window;
}
