// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace daetalker {

// Objects that live as long as somebody uses them, by key.  Whoever asks for one
// that is being made waits for it, so that weights are never loaded twice.
template <typename T> class Cache {
public:
  template <typename Make> std::shared_ptr<T> get (const std::string &key, Make &&make)
  {
    const std::lock_guard lock (mutex_);
    for (auto i = objects_.begin (); i != objects_.end ();)
      i = i->second.expired () ? objects_.erase (i) : std::next (i);
    std::weak_ptr<T> &slot = objects_[key];
    std::shared_ptr<T> object = slot.lock ();
    if (!object)
      slot = object = make ();
    return object;
  }

private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<T>> objects_;
};

} // namespace daetalker
