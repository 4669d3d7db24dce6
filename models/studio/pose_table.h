// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Head poses made elsewhere: a CSV file with the header clip,frame,yaw,pitch,roll
// (any order, further columns are ignored), one line per frame of each clip, at
// 25 frames a second; degrees as engine.h's Pose.
#pragma once

#include "models/engine.h"

#include <map>
#include <string>
#include <vector>

namespace daetalker {

class PoseTable {
public:
  // Throws Error: not_found, unreadable, corrupt (which line, and why).
  explicit PoseTable (const std::string &path);

  // The poses of `clip`, or nullptr if the table does not name it.  Throws Error
  // (wrong_model) if it does not hold exactly `frames` frames.
  const std::vector<Pose> *find (const std::string &clip, std::size_t frames) const;

private:
  std::string path_;
  std::map<std::string, std::vector<Pose>> clips_;
};

} // namespace daetalker
