// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The properties that say which avatar an element opens and where it runs, the
// same in every element that opens one.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <string>

#include "models/engine.h"

// avatar, device, precision, threads, allow-unconsented.
struct AvatarSettings {
  std::string avatar; // "" is the shipped one
  daetalker::DeviceOptions options;
  bool allow_unconsented = false;

  bool operator== (const AvatarSettings &other) const;

  // Property ids [first, first + count) are these; an element's own come after.
  // `avatar_mutable`: until which state `avatar` may change, GST_PARAM_MUTABLE_READY
  // or GST_PARAM_MUTABLE_PLAYING; the others are taken at the next start.
  static constexpr guint count = 5;
  static void install (GObjectClass *klass, guint first,
                       gint avatar_mutable = GST_PARAM_MUTABLE_PLAYING);

  // FALSE if `id` is none of them.  Call them with the object lock held.
  bool set (guint id, guint first, const GValue *value);
  bool get (guint id, guint first, GValue *value) const;

  // Finds the bundle and opens it (slow: call it without locks).  Posts PROGRESS
  // messages with the code `open-avatar`: start, then complete or error; and the element
  // message `daetalker-model-loaded` (avatar, device, precision, load-ms) and logs
  // the device that `auto` became.  Throws daetalker::Error.
  std::shared_ptr<daetalker::Avatar> open (GstElement *element) const;

private:
  std::shared_ptr<daetalker::Avatar> open_quietly (GstElement *element) const;
};
