// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Both networks of the diffusion autoencoder under the names of the bundle's file.
#pragma once

#include "models/nn/semantic_encoder.h"
#include "models/nn/unet.h"

namespace daetalker {

class AutoencoderImpl : public torch::nn::Module {
public:
  explicit AutoencoderImpl (const AutoencoderConfig &config) : unet (config.unet)
  {
    register_module ("unet", unet);
    if (!config.unet.eigenfaces)
      encoder = register_module ("encoder", SemanticEncoder (config.encoder));
  }

  // [B, 3, H, W] in [-1, 1] -> [B, style_channels].
  torch::Tensor encode (const torch::Tensor &pictures)
  {
    return encoder ? encoder->forward (pictures) : unet->eigenfaces ()->encode (pictures);
  }

  UNet unet;
  SemanticEncoder encoder{nullptr}; // null where the UNet has eigenfaces
};
TORCH_MODULE (Autoencoder);

} // namespace daetalker
