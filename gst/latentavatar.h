// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The avatar that speech2latent drives, and the one that will take its place.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <mutex>
#include <string>

#include "avatarloads.h"
#include "models/engine.h"

// Throws daetalker::Error (wrong_model) if `next` cannot take over from `now` within
// a stream.
void daetalker_check_latent_fit (const daetalker::AvatarInfo &now,
                                 const daetalker::AvatarInfo &next);

class LatentAvatarSlot {
public:
  explicit LatentAvatarSlot (GstElement *element)
      : element_ (element),
        loads_ (element, [this] (const AvatarLoad &load) { run_load (load); })
  {
  }

  // Opens the avatar unless it is open already with these settings.  Throws
  // daetalker::Error.
  void open (const AvatarSettings &settings);
  void close ();

  // Between these calls avatars are loaded on a thread.
  void start ();
  void stop ();

  // Loads `settings.avatar` on a thread, after start(); does nothing before.  What
  // fails or does not fit into the running stream is said in a warning message,
  // `refused` is called with the property's value and with that of the avatar in
  // use, which stays.
  void load (const AvatarSettings &settings,
             void (*refused) (GstElement *element, const std::string &avatar,
                              const std::string &kept));

  // Streaming thread, between two frames: the avatar that takes over now, or
  // nullptr.
  std::shared_ptr<daetalker::Avatar> take_next ();

  // From any thread; nullptr before open().
  std::shared_ptr<daetalker::Avatar> current () const;

private:
  void run_load (const AvatarLoad &load);

  GstElement *const element_;
  mutable std::mutex mutex_;
  std::shared_ptr<daetalker::Avatar> current_, next_;
  AvatarSettings current_settings_, next_settings_;
  bool started_ = false;
  guint64 number_ = 0; // of the last load asked for, or of the last stop
  AvatarLoads loads_;
};
