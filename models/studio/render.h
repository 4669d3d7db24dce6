// SPDX-License-Identifier: LGPL-2.1-or-later
//
// `daetalker render`: a list of sound files to a folder of talking-face videos,
// resumable and divisible over the jobs of a Slurm array or a Kubernetes indexed
// Job.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace daetalker {

// Every n-th job, from the i-th on: "i/n" with 0 <= i < n.
struct Shard {
  std::size_t index = 0;
  std::size_t count = 1;

  bool holds (std::size_t job) const { return job % count == index; }
};

// Throws std::invalid_argument for anything else than "i/n".
Shard parse_shard (const std::string &text);

struct RenderOptions {
  std::vector<std::string> audio; // any container that GStreamer decodes
  std::string output;             // folder for NAME.mp4 and NAME.json
  std::string avatar;             // folder or name; empty: the one that ships
  int steps = 1;                  // DDIM evaluations
  Shard shard;
  bool allow_unconsented = false;
};

// What NAME.mp4 was made of is written into NAME.json; a video whose NAME.json says
// the same is not made again.  A file that cannot be rendered is reported on
// stderr, and the others go on.
//
// Throws Error: not_found (a file, an element), wrong_model (two files of the same
// name), failed (how many files could not be rendered), unreadable (the folder).
void render_audio (const RenderOptions &options);

} // namespace daetalker
