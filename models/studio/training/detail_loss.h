// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A regression answers doubt with an average, so its pictures hold less fine detail than
// real ones.  Asked for the right amount of it, it draws what it knows of it stronger,
// which adds little to the error.
#pragma once

#include <torch/types.h>

namespace daetalker {

// The square of the difference in the amount of detail, where that is the root mean
// square of what a Gaussian of sigma 1 takes away, over channels and patches of
// `patch`^2 pixels.  made, real: [B, 3, H, W] float32, H and W multiples of `patch`;
// the result [B, 1, H/patch, W/patch] has the unit of a squared error.
torch::Tensor detail_loss (const torch::Tensor &made, const torch::Tensor &real,
                           int patch);

} // namespace daetalker
