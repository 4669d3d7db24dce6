// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How well held-out frames come back through encoder and one evaluation from the
// fixed noise.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "models/io/tensors.h"
#include "models/studio/training/autoencoder.h"
#include "models/studio/training/frame_store.h"

namespace daetalker {

class AutoencoderValidator {
public:
  // `noise`: x_T [3, H, W].  `store` must outlive this.
  AutoencoderValidator (const FrameStore &store, const AutoencoderConfig &config,
                        const torch::Tensor &noise, torch::ScalarType type);

  // Means over the frames: "psnr" and "mouth_psnr" in dB, "sharpness" and
  // "mouth_sharpness" as shares of the real frames'.  Writes rows of real, made and
  // four times their difference to the file `sheet` (PNG).
  nlohmann::json run (const TensorMap &weights, const std::string &sheet);

private:
  const FrameStore &store_;
  Autoencoder network_;
  torch::Tensor noise_, chosen_;
};

} // namespace daetalker
