// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The face through a clip: found in every few frames, followed in between.
#pragma once

#include "models/studio/face.h"

#include <cstdint>
#include <vector>

namespace daetalker {

class FaceTrack {
public:
  // A frame in which faces were looked for; `box` of the largest, if any.
  struct Sighting {
    std::uint64_t frame;
    int faces;
    cv::Rect2d box;
  };

  void add (const Sighting &sighting) { sightings_.push_back (sighting); } // in order

  const std::vector<Sighting> &sightings () const { return sightings_; }
  bool empty () const; // no face was seen at all

  // Interpolated between the sightings of a face around `frame`; the track must
  // not be empty.
  cv::Rect2d box_at (std::uint64_t frame) const;

  // Faces counted in the inspected frame nearest to `frame`.
  int faces_at (std::uint64_t frame) const;

private:
  std::vector<Sighting> sightings_;
};

} // namespace daetalker
