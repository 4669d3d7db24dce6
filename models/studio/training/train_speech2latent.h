// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Stage (b) of training: speech features -> latents, with what run time knows.
#pragma once

#include <string>

#include "models/engine.h"
#include "models/nn/speech2latent_config.h"
#include "models/studio/training/sequences.h"

namespace daetalker {

struct Speech2LatentTraining {
  Speech2LatentConfig network; // feature_size and latent_size are set from the data
  Window window{24, 1, 0};     // video frames, at run time
  int batch = 16;              // segments
  int segment = 60;            // video frames
  double minutes = 5;
  double learning_rate = 2e-3; // falls to a twentieth along a cosine
  double pose_weight = 1;
  double lip_weight = 1;
  int pose_smoothing = 9; // odd; frames over whose mean the pose is given, 1: its own
  // What is predicted is an average, and moves less than any of the things it may be: the
  // finished network's latents are stretched about their mean by as much.
  double stretch = 1.2;
  double feature_noise = 0.1; // added, of the features' standard deviation
  int mouth_pages = 6000; // real frames whose mouths are shown (eigenfaces only); 0: none
  double others_share = 0.4; // of the segments, where there are other voices
  double checkpoint_minutes = 3;
  uint64_t seed = 1;

  Speech2LatentTraining ();
};

// Trains until `minutes` are used up, over all resumed runs.  Writes into the folder
// `work`:
//   speech2latent.safetensors        averaged weights; the shape in the metadata's
//                                    "network"
//   speech2latent.state.safetensors  everything that resuming needs; of no use, and
//                                    not used, with other latents
//   speech2latent.errors.safetensors by how much it errs in each training frame's
//                                    latent: `errors` [frames, latent_size]
//   and its log (TrainLog)
// Returns the figures on the clips held out.
nlohmann::json train_speech2latent (const SequenceSet &set,
                                    const torch::Tensor &importance,
                                    const std::string &work,
                                    const std::string &autoencoder,
                                    const Speech2LatentTraining &options);

} // namespace daetalker
