// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How the face of a synthesised clip moves beside that of the real one.  All from
// landmarks, in pixels of the picture, one set per frame.
#pragma once

#include "models/studio/face.h"

#include <vector>

namespace daetalker {

using LandmarkTrack = std::vector<Landmarks>;

// How far the inner lips are apart: the mean over three pairs of points.
double lip_opening (const Landmarks &landmarks);
std::vector<double> lip_openings (const LandmarkTrack &track);

// How two courses of equal length go together.
struct Likeness {
  double correlation = 0; // Pearson's, at lag 0
  double amplitude = 0;   // standard deviation of `made` over that of `real`
  int lag = 0;            // frames; where they fit best, > 0: `made` comes late
};

Likeness likeness (const std::vector<double> &made, const std::vector<double> &real,
                   int max_lag = 8);

// Mean distance of the lips' 20 points, the shift of eyes and nose taken out.
double lip_distance (const LandmarkTrack &made, const LandmarkTrack &real);

// Root mean square of the second difference over time of the nose bridge's and the
// inner eye corners' mean place: how much a head that should glide trembles.
double jitter (const LandmarkTrack &track);

} // namespace daetalker
