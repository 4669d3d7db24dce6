// SPDX-License-Identifier: LGPL-2.1-or-later
//
// From one sound file to one mp4 with sound, through daetalkerbin.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace daetalker {

struct VideoRequest {
  std::string audio;  // any container that GStreamer decodes
  std::string output; // complete under this name, or not there at all
  std::string avatar; // empty: the one that ships
  int steps = 1;
  bool allow_unconsented = false;
};

struct VideoResult {
  double seconds = 0; // of video
};

// `on_progress` is called with the seconds of video made so far, now and then.
//
// Throws Error: unreadable (not sound, no decoder), wrong_model (no sound in it),
// not_found (an element, the avatar), failed (whatever an element reports).
VideoResult make_video (const VideoRequest &request,
                        const std::function<void (double seconds)> &on_progress);

// The first AAC encoder that is installed; empty if there is none.
std::string find_aac_encoder ();

} // namespace daetalker
