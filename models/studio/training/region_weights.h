// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Where a face is looked at: loss weights that are high at mouth and eyes.
#pragma once

#include <torch/types.h>

namespace daetalker {

struct RegionGains {
  double mouth = 12; // at the centre, beside 1 elsewhere
  double eyes = 4;
};

// landmarks: [B, 68, 2] in pixels of a picture `side` wide (iBUG mark-up).
// Returns [B, 1, side/patch, side/patch] with mean 1 per picture.
torch::Tensor region_weights (const torch::Tensor &landmarks, int side, int patch,
                              const RegionGains &gains);

} // namespace daetalker
