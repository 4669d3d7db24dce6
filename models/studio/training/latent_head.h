// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A linear reading of z as what a viewer looks at: landmarks, the mouth's and eyes'
// pixels and the picture in coarse.  Mouth and lids are few pixels: from the UNet's
// loss alone the encoder finds them last; asked for them it finds them in minutes.
#pragma once

#include <torch/nn/modules/linear.h>

#include "models/studio/training/frame_store.h"

namespace daetalker {

class LatentHeadImpl : public torch::nn::Module {
public:
  // Targets are normalised over the store's training frames.
  LatentHeadImpl (const FrameStore &store, int64_t latent_size);

  // Mean square error, 1 for a guess that knows nothing.
  //   z: [B, latent_size]; frames: int64 [B], indices into the store
  torch::Tensor loss (const torch::Tensor &z, const torch::Tensor &frames);

private:
  torch::nn::Linear linear_{nullptr};
  torch::Tensor targets_; // [N, n]
};
TORCH_MODULE (LatentHead);

} // namespace daetalker
