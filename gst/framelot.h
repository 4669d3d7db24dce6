// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Latents that wait until they are drawn together, and the pictures of those that were,
// on their way out.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "bufferptr.h"

// Of one stream; streaming thread only.
class FrameLot {
public:
  void add (BufferPtr latent) { latents_.push_back (std::move (latent)); }
  gsize waiting () const { return latents_.size (); }
  std::vector<BufferPtr> take () { return std::exchange (latents_, {}); }

  void put (std::vector<BufferPtr> pictures)
  {
    for (BufferPtr &picture : pictures)
      pictures_.push_back (std::move (picture));
  }

  // The next picture; nullptr after the last.
  BufferPtr next ()
  {
    if (pictures_.empty ())
      return nullptr;
    BufferPtr picture = std::move (pictures_.front ());
    pictures_.pop_front ();
    return picture;
  }

  void drop_pictures () { pictures_.clear (); }

  bool is_empty () const { return latents_.empty () && pictures_.empty (); }

  void clear ()
  {
    latents_.clear ();
    pictures_.clear ();
  }

private:
  std::vector<BufferPtr> latents_;
  std::deque<BufferPtr> pictures_;
};
