// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A linear reading of z as landmarks, trained beside the autoencoder and thrown
// away.  Mouth and lids are few pixels: from the picture's loss alone the encoder
// finds them last; asked for their shape it finds them within minutes.
#pragma once

#include <torch/torch.h>

#include "models/studio/training/frame_store.h"

namespace daetalker {

class LandmarkHeadImpl : public torch::nn::Module {
public:
  // Targets are normalised over the store's training frames.
  LandmarkHeadImpl (const FrameStore &store, int64_t latent_size);

  // Mean square error, 1 for a guess that knows nothing.
  //   z: [B, latent_size]; frames: int64 [B], indices into the store
  torch::Tensor loss (const torch::Tensor &z, const torch::Tensor &frames);

private:
  torch::nn::Linear linear_{nullptr};
  torch::Tensor targets_; // [N, n]
};
TORCH_MODULE (LandmarkHead);

} // namespace daetalker
