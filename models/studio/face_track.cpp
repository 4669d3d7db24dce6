// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/face_track.h"

#include <algorithm>

namespace daetalker {

bool
FaceTrack::empty () const
{
  return std::none_of (sightings_.begin (), sightings_.end (),
                       [] (const Sighting &sighting) { return sighting.faces > 0; });
}

cv::Rect2d
FaceTrack::box_at (std::uint64_t frame) const
{
  const Sighting *before = nullptr;
  const Sighting *after = nullptr;
  auto next = std::lower_bound (sightings_.begin (), sightings_.end (), frame,
                                [] (const Sighting &sighting, std::uint64_t value) {
                                  return sighting.frame < value;
                                });
  for (auto it = next; it != sightings_.end () && !after; ++it)
    if (it->faces > 0)
      after = &*it;
  for (auto it = next; it != sightings_.begin () && !before;)
    if ((--it)->faces > 0)
      before = &*it;
  if (!before || !after)
    return before ? before->box : after->box;
  const double share =
      double (frame - before->frame) / double (after->frame - before->frame);
  const auto mix = [share] (double a, double b) {
    return a + share * (b - a);
  };
  return {mix (before->box.x, after->box.x), mix (before->box.y, after->box.y),
          mix (before->box.width, after->box.width),
          mix (before->box.height, after->box.height)};
}

int
FaceTrack::faces_at (std::uint64_t frame) const
{
  const auto nearer = [frame] (const Sighting &a, const Sighting &b) {
    const auto distance = [frame] (std::uint64_t at) {
      return at > frame ? at - frame : frame - at;
    };
    return distance (a.frame) < distance (b.frame);
  };
  const auto nearest = std::min_element (sightings_.begin (), sightings_.end (), nearer);
  return nearest == sightings_.end () ? 0 : nearest->faces;
}

} // namespace daetalker
