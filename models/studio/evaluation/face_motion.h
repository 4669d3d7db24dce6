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

// An opening up to this many pixels above a clip's least tenth counts as closed: the
// landmarks' tremble, and lips that touch are still two lines.
constexpr double closed_margin = 2;

// The opening below which a mouth of this clip is closed.
double closed_opening (const std::vector<double> &real);

// The share of the frames in `where` with an opening of at most `closed`; 1 for none.
double closed_share (const std::vector<double> &openings,
                     const std::vector<std::size_t> &where, double closed);

// The share of the times in `onsets` (frames) with a closed mouth at most `reach` frames
// before or after; 1 for none.
double closed_near (const std::vector<double> &openings,
                    const std::vector<std::size_t> &onsets, double closed, int reach = 2);

// How often the eyes close: runs of frames whose eye aspect ratio (Soukupova and Cech
// 2016) lies below 0.75 of the track's median.
int count_blinks (const LandmarkTrack &track);

// Root mean square of the second difference over time of the nose bridge's and the
// inner eye corners' mean place: how much a head that should glide trembles.
double jitter (const LandmarkTrack &track);

} // namespace daetalker
