// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Which footage is used, and what of it is left out: what the preflight measured against
// thresholds.
#pragma once

#include "models/studio/measures.h"

#include <string>
#include <vector>

namespace daetalker {

struct Thresholds {
  double most_without_face = 0.10; // shares of the inspected frames that are left
  double most_several_faces = 0.10;
  double least_face_width = 64;    // pixels of the footage
  double most_outside = 0.05;      // share of frames whose face leaves the crop
  double most_camera_shift = 0.10; // face widths
  double most_repeated = 0.10;     // share of frames
  double most_silence = 0.95;      // share of frames
  double most_clipping = 0.01;     // share of samples
  double most_av_offset = 2;       // frames
  double most_look_distance = 20;  // grey levels from the other footage
};

struct Verdict {
  std::vector<std::string> refused; // each with its remedy; empty: the clip is used
  std::vector<std::string> notes;   // used, but worth knowing
};

// The median look of the clips; empty for fewer than five, which have no usual look.
std::vector<double> usual_look (const std::vector<const ClipMeasures *> &clips);

// `usual_look` may be empty: then the clip's look is not judged.
Verdict judge (const ClipMeasures &measures, const Thresholds &thresholds,
               const std::vector<double> &usual_look);

} // namespace daetalker
