// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Latents on their principal axes.  What moves a mouth is a thousandth of z's
// variance as an encoder leaves it, too little for the UNet to hear; scaled to the
// size of the rest it is learnt in minutes.
#pragma once

#include <torch/types.h>

namespace daetalker {

// Changes the encoder's last layer so that its outputs are the principal components
// of `z` ([N, Z], its outputs so far), each of equal variance; components below
// 1/500 of the largest fade out.
//   weight: [Z, C, 1, 1], bias: [Z]; float32, changed in place
void whiten_latents (const torch::Tensor &z, torch::Tensor &weight, torch::Tensor &bias);

} // namespace daetalker
