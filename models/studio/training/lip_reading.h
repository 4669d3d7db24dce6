// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Lips read from latents by a linear map.  Few of a latent's directions move the
// lips; measured through this map, an error there counts as viewers count it.
#pragma once

#include <torch/types.h>

namespace daetalker {

class LipReading {
public:
  // The ridge regression from `latents` [N, Z] to `lips` [N, 40] (Sequence::lips).
  LipReading (const torch::Tensor &latents, const torch::Tensor &lips);

  // [..., Z] -> [..., 40] pixels.
  torch::Tensor read (const torch::Tensor &latents) const;

  // Mean square error over the lips' variance: 0 for all right, 1 for lips that never
  // move.  latents: [..., Z]; lips: [..., 40]; result [...].
  torch::Tensor error (const torch::Tensor &latents, const torch::Tensor &lips) const;

  // The share of the lips' variance that the map told of what it was made from.
  double explained () const { return explained_; }

private:
  torch::Tensor map_;  // [Z, 40]
  torch::Tensor bias_; // [40]
  double variance_ = 0;
  double explained_ = 0;
};

// How far the inner lips are apart, in pixels: [..., 40] -> [...].
torch::Tensor mouth_opening (const torch::Tensor &lips);

} // namespace daetalker
