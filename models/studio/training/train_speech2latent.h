// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Stage (b) of training: speech features -> latents, in the windows of run time.
#pragma once

#include <string>

#include "models/engine.h"
#include "models/nn/speech2latent_config.h"
#include "models/studio/training/sequences.h"

namespace daetalker {

struct Speech2LatentTraining {
  Speech2LatentConfig network; // feature_size and latent_size are set from the data
  Window window{12, 1, 2};     // video frames
  int batch = 48;              // windows
  double minutes = 12;
  double learning_rate = 5e-4; // falls to a twentieth along a cosine
  double pose_weight = 1;
  uint64_t seed = 1;

  Speech2LatentTraining ();
};

// How much each latent dimension moves the picture, mouth and eyes first: mean 1,
// [latent_size].  Latents are not all alike, and a plain squared error spends the
// network on those that nobody sees.
torch::Tensor latent_importance (const FrameStore &store, const std::string &autoencoder,
                                 const std::string &noise, const SequenceSet &set);

// Writes `work`/speech2latent.safetensors (averaged weights; its shape in the
// metadata's "network"), speech2latent.jsonl; returns the held-out figures.
nlohmann::json train_speech2latent (const SequenceSet &set,
                                    const torch::Tensor &importance,
                                    const std::string &work,
                                    const Speech2LatentTraining &options);

} // namespace daetalker
