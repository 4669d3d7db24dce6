// SPDX-License-Identifier: LGPL-2.1-or-later
#include "avatarloads.h"

#include <algorithm>
#include <utility>

using Lock = std::unique_lock<std::mutex>;

int
AvatarLoads::add (AvatarLoad load)
{
  Lock lock (mutex_);
  const auto old = std::remove_if (
      waiting_.begin (), waiting_.end (),
      [&] (const AvatarLoad &other) { return other.settings == load.settings; });
  const int replaced = (int)(waiting_.end () - old);
  waiting_.erase (old, waiting_.end ());
  waiting_.push_back (std::move (load));
  if (!running_) {
    running_ = true;
    gst_element_call_async (element_, run_all, this, nullptr);
  }
  return replaced;
}

void
AvatarLoads::run_all (GstElement *element, gpointer loads)
{
  (void)element;
  AvatarLoads &self = *(AvatarLoads *)loads;
  Lock lock (self.mutex_);
  while (!self.waiting_.empty ()) {
    const AvatarLoad load = std::move (self.waiting_.front ());
    self.waiting_.pop_front ();
    lock.unlock ();
    self.run_ (load);
    lock.lock ();
  }
  self.running_ = false;
}
