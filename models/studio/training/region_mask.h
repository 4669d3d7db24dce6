// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Where in a picture a part of the face lies.
#pragma once

#include <torch/types.h>

namespace daetalker {

// points: [N, 2], the part's landmarks in pixels of a picture `side` wide.  Returns
// [side/2, side/2] in [0, 1]: 1 inside of an ellipse about the points' middle, with a
// soft edge.  Its radii are `wide` and `high` times the width of the points.
torch::Tensor region_mask (const torch::Tensor &points, int side, double wide,
                           double high);

} // namespace daetalker
