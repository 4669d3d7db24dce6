// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The shots of a clip that was cut: those by another camera, or in other light, are not
// of the same avatar.
#pragma once

#include <cstdint>
#include <opencv2/core/types.hpp>
#include <vector>

namespace daetalker {

// What lies between two cuts, as its inspected frames show it.
struct Shot {
  std::uint64_t frames = 0;
  cv::Rect2d face;          // median, pixels; empty: none was seen
  std::vector<double> look; // as ClipMeasures
};

// Of each shot, whether camera and light are those of most of the footage: the face as
// large to a seventh, less than half its width away, the colours within 20 grey levels.
// A shot without a face is like none.
std::vector<bool> like_most (const std::vector<Shot> &shots);

} // namespace daetalker
