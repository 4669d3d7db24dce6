// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What speech2latent is trained on: each clip as speech features, latents and head
// poses on the avatar's time axis.
#pragma once

#include <torch/types.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/engine.h"
#include "models/nn/autoencoder_config.h"
#include "models/studio/training/frame_store.h"

namespace daetalker {

struct Sequence {
  torch::Tensor features; // [2 * frames, feature_size], cut as at run time
  torch::Tensor latents;  // [frames, latent_size], moved to the anchor clip's mean,
                          // without blinks
  torch::Tensor pose;     // [frames, 3] degrees, likewise
  torch::Tensor lips;     // [frames, 40] pixels: landmarks 48 to 67 (x, y) from their
                          // middle, less the clip's mean
  int64_t first = -1;     // its first frame in the store; -1: of other voices
};

// What the avatar's description takes from the sequences.
struct SequenceFacts {
  int feature_size = 0;
  std::vector<float> rest_latent; // of a real, silent, closed-mouth frame
  Pose rest_pose{};
  Pose pose_min{}, pose_max{};
  Idle idle;
};

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE (Idle, blinks_per_minute, blink, sway)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE (SequenceFacts, feature_size, rest_latent, rest_pose,
                                    pose_min, pose_max, idle)

struct OtherVoices {
  int augmentations = 2; // of each training clip
  std::string folder;    // of strangers; empty: none
};

struct SequenceSet {
  std::vector<Sequence> training;
  std::vector<Sequence> held_out;
  std::vector<Sequence> others; // other voices; no figure or fact comes from them
  int64_t frames = 0;           // of the store
  torch::Tensor mouth;          // [20, 2] pixels: the mouth's landmarks, on average
  torch::Tensor latent_mean, latent_std; // [latent_size], of the training latents
  SequenceFacts facts;
};

// Light, clothes and hair differ between clips and no speech predicts them: each
// clip's latents lose their clip's mean and take that of the anchor, the clip whose
// mean lies in the middle of all.
//   autoencoder: safetensors of encoder.* with the shape in its metadata's
//                "network", as train_autoencoder writes it
//   encoder:     the folder of a speech encoder
//   others:      where other voices come from (other_voices.h)
SequenceSet make_sequences (const FrameStore &store, const std::string &autoencoder,
                            const std::string &encoder, const OtherVoices &others = {});

} // namespace daetalker
