// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The semantic encoder of the diffusion autoencoder (Diff-AE,
// BeatGANsEncoderModel): picture -> z.
#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/normalization.h>

#include "models/nn/autoencoder_config.h"
#include "models/nn/blocks.h"

namespace daetalker {

class SemanticEncoderImpl : public torch::nn::Module {
public:
  explicit SemanticEncoderImpl (const SemanticEncoderConfig &config);

  // x: [B, 3, H, W] in [-1, 1].  Returns z, [B, style_channels] float32, unbounded.
  torch::Tensor forward (const torch::Tensor &x);

  // The same from [B, 3*patch^2, H/patch, W/patch].
  torch::Tensor forward_patches (torch::Tensor h);

  const SemanticEncoderConfig &config () const { return config_; }
  torch::ScalarType type () const { return stem_->weight.scalar_type (); }

private:
  SemanticEncoderConfig config_;
  Conv3x3 stem_{nullptr};
  std::vector<Stage> input_blocks_;
  ResBlock middle_in_{nullptr}, middle_out_{nullptr};
  AttentionBlock middle_attention_{nullptr};
  torch::nn::GroupNorm out_norm_{nullptr};
  PointConv out_conv_{nullptr};
};
TORCH_MODULE (SemanticEncoder);

} // namespace daetalker
