// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The avatars that an element is asked to load while it runs: on a thread, one after the
// other.  A thread for each would let a property that is set often, while loading is slow,
// take every processor from the stream.
#pragma once

#include <gst/gst.h>

#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "avatarsettings.h"

struct AvatarLoad {
  AvatarSettings settings;
  int steps;      // daerender's property
  guint64 number; // of the loads asked for, counting up
  // Called with the property's value and with that of the avatar that stays.
  void (*refused) (GstElement *element, const std::string &avatar,
                   const std::string &kept);
};

class AvatarLoads {
public:
  // `run` is called on the thread, for one load at a time.  Both live as long as
  // the element, which a thread under way holds.
  AvatarLoads (GstElement *element, std::function<void (const AvatarLoad &)> run)
      : element_ (element), run_ (std::move (run))
  {
  }
  AvatarLoads (const AvatarLoads &) = delete;
  AvatarLoads &operator= (const AvatarLoads &) = delete;

  // Returns how many older loads of the same settings, not begun yet, it replaces.
  int add (AvatarLoad load);

private:
  static void run_all (GstElement *element, gpointer loads);

  GstElement *const element_;
  const std::function<void (const AvatarLoad &)> run_;
  std::mutex mutex_;
  std::deque<AvatarLoad> waiting_;
  bool running_ = false;
};
