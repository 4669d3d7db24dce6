// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/shots.h"

#include "models/studio/measures.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

namespace daetalker {

namespace {

// A punch-in, as editors cut it, is a fifth and more; a person who leans is less.
constexpr double like_size = 1.0 / 7;
constexpr double like_place = 0.5; // face widths
constexpr double like_look = 20;   // grey levels

bool
alike (const Shot &a, const Shot &b)
{
  if (a.face.empty () || b.face.empty ())
    return false;
  const auto centre = [] (const Shot &shot) {
    return (shot.face.tl () + shot.face.br ()) / 2;
  };
  const double larger = std::max (a.face.width, b.face.width);
  return std::abs (a.face.width - b.face.width) <= like_size * larger &&
         cv::norm (centre (a) - centre (b)) <= like_place * larger &&
         look_distance (a.look, b.look) <= like_look;
}

} // namespace

std::vector<bool>
like_most (const std::vector<Shot> &shots)
{
  std::vector<bool> best (shots.size ());
  std::uint64_t most = 0;
  for (const Shot &candidate : shots) {
    std::vector<bool> like;
    std::uint64_t frames = 0;
    for (const Shot &shot : shots) {
      like.push_back (alike (shot, candidate));
      frames += like.back () ? shot.frames : 0;
    }
    if (frames > most) {
      most = frames;
      best = like;
    }
  }
  return best;
}

} // namespace daetalker
