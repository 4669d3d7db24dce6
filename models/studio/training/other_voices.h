// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Speech of other voices, to learn this person's face from: this person's own at other
// pitches, and strangers', whom nobody filmed.
#pragma once

#include <functional>
#include <string>
#include <torch/types.h>
#include <vector>

#include "models/studio/training/sequences.h"

namespace daetalker {

// Those of `spoken`, with the same faces, each `copies` times as a larger or a smaller
// person would say it in another room.  `speech`: of each, [L] int16.  `listen`: below.
// Throws Error (not_found: GStreamer's element that shifts the pitch).
std::vector<Sequence>
augmented_voices (const std::vector<Sequence> &spoken,
                  const std::vector<torch::Tensor> &speech, int copies,
                  const std::function<torch::Tensor (const torch::Tensor &)> &listen);

// Somebody who understands every voice (a large speech encoder, and a predictor that was
// trained with it on this person's footage) heard them and predicted the face.  Of each
// sound in `folder`; beside it lies NAME.safetensors, at 25 frames a second:
//   latents [frames, size], pose [frames, 3]   as they differ from the person's mean
//   lips [frames, 40]                          as Sequence has them
// `listen`: [L] in [-1, 1] -> [rows, F], two rows a frame.
// Throws Error (wrong_model: a table that does not fit the sound or the avatar;
// not_found: no table beside a sound; no sound).
std::vector<Sequence>
other_voices (const std::string &folder,
              const std::function<torch::Tensor (const torch::Tensor &)> &listen,
              const torch::Tensor &latent_mean, const torch::Tensor &pose_mean);

} // namespace daetalker
