// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Which speech encoder speechfeatures opens, and how it cuts the speech.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <string>

#include "avatarsettings.h"
#include "models/engine.h"

// avatar and its companions, encoder, layer, chunk-duration, look-ahead.
struct SpeechSettings {
  AvatarSettings avatar;
  std::string encoder; // "" is the avatar's own
  int layer = -1;
  int chunk_ms = -1;
  int look_ahead_ms = -1;

  // Property ids [first, first + count) are these.
  static constexpr guint count = AvatarSettings::count + 4;
  static void install (GObjectClass *klass, guint first);

  // FALSE if `id` is none of them.  Call them with the object lock held.
  bool set (guint id, guint first, const GValue *value);
  bool get (guint id, guint first, GValue *value) const;

  // TRUE if the same encoder would be opened.
  bool opens_like (const SpeechSettings &other) const;

  struct Opened {
    std::shared_ptr<daetalker::SpeechEncoder> encoder;
    std::string precision;
  };
  // Slow: call it without locks.  Throws daetalker::Error.
  Opened open (GstElement *element) const;

  // The window that the settings ask for, in feature frames.
  daetalker::Window window (const daetalker::SpeechEncoderInfo &info) const;
};
