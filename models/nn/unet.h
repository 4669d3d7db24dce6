// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The UNet of the diffusion autoencoder (Diff-AE, BeatGANsAutoencModel without its
// encoder), conditioned on the diffusion time and on z.  Parameter names are those
// of the published checkpoint.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "models/nn/autoencoder_config.h"
#include "models/nn/blocks.h"
#include "models/nn/eigenfaces.h"
#include "models/nn/reference_warp.h"

namespace daetalker {

class UNetImpl : public torch::nn::Module {
public:
  explicit UNetImpl (const UNetConfig &config);

  // x: [B, 3, H, W] noisy picture; t: [B] original step 0..999 (any real type);
  // z: [B, style_channels].  t and z may have B = 1 for a whole batch.
  // Returns [B, 3, H, W] float32: eps or x0, as the network was trained.
  torch::Tensor forward (const torch::Tensor &x, const torch::Tensor &t,
                         const torch::Tensor &z);

  // What an evaluation makes of x and t alone, for those that start from the same ones
  // again and again.
  struct Start {
    torch::Tensor stem;          // [1, C, H/patch, W/patch], of x
    Conv3x3 plane_stem{nullptr}; // the stem for what eigenfaces add to x
    BlockTables blocks;
  };

  // x: [1, 3, H, W]; t: [1].
  Start prepare (const torch::Tensor &x, const torch::Tensor &t);

  // forward (x, t, z) of the x and t that `start` was made of.
  torch::Tensor forward_from (const Start &start, const torch::Tensor &z);

  struct Output {
    torch::Tensor picture;            // [B, 3, H, W] float32, as of forward()
    ReferenceWarpImpl::Output warped; // what the references gave, where there are any
  };

  // The same from [B, 3*patch^2, H/patch, W/patch] in the type of the convolutions.
  Output forward_patches (torch::Tensor h, const torch::Tensor &t,
                          const torch::Tensor &z);

  const UNetConfig &config () const { return config_; }

  // Of each output block: how many of the channels that it reads, its last ones, an input
  // block has made.
  const std::vector<int> &laterals () const { return laterals_; }

  // Null where z is not linear in the picture.
  Eigenfaces eigenfaces () const { return eigenfaces_; }

  // The type that the convolutions compute in.
  torch::ScalarType type () const { return out_conv_->weight.scalar_type (); }

private:
  torch::Tensor embed_time (const torch::Tensor &t);
  Output draw (torch::Tensor h, const Condition &condition, const torch::Tensor &linear);
  void build_input ();
  void build_middle ();
  void build_output ();
  ResBlock res_block (int in, int out, Resample resample = Resample::none) const;
  bool has_attention (int side) const;

  UNetConfig config_;
  Eigenfaces eigenfaces_{nullptr};
  torch::nn::Linear embed_in_{nullptr}, embed_out_{nullptr};
  std::vector<Stage> input_blocks_, output_blocks_;
  std::vector<int> laterals_;                      // of output_blocks_
  std::vector<std::vector<int>> lateral_channels_; // of build_input, per level
  int channels_ = 0;                               // while building
  ResBlock middle_in_{nullptr}, middle_out_{nullptr};
  AttentionBlock middle_attention_{nullptr};
  torch::nn::GroupNorm out_norm_{nullptr};
  Conv3x3 out_conv_{nullptr};
  ReferenceWarp references_{nullptr};
};
TORCH_MODULE (UNet);

// [B] -> [B, size]: cosines first, then sines (Diff-AE, nn.py timestep_embedding).
torch::Tensor timestep_embedding (const torch::Tensor &t, int size);

// [B, 3, H, W] -> [B, 3*patch^2, H/patch, W/patch] channels-last, and back.
torch::Tensor to_patches (const torch::Tensor &picture, int patch);
torch::Tensor from_patches (const torch::Tensor &patches, int patch);

} // namespace daetalker
