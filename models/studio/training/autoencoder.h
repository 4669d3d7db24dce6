// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Both networks of the diffusion autoencoder under the names of the bundle's file.
#pragma once

#include "models/nn/semantic_encoder.h"
#include "models/nn/unet.h"

namespace daetalker {

class AutoencoderImpl : public torch::nn::Module {
public:
  explicit AutoencoderImpl (const AutoencoderConfig &config)
      : unet (config.unet), encoder (config.encoder)
  {
    register_module ("unet", unet);
    register_module ("encoder", encoder);
  }

  UNet unet;
  SemanticEncoder encoder;
};
TORCH_MODULE (Autoencoder);

} // namespace daetalker
