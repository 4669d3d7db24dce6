// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Building blocks of the diffusion autoencoder (Diff-AE, model/blocks.py and
// unet.py), with its parameter names.
#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <unordered_map>

#include "models/nn/conv3x3.h"
#include "models/nn/point_conv.h"
#include "models/nn/row_linear.h"

namespace daetalker {

// How a residual block changes the side of its feature map.
enum class Resample { none, up, down };

class ResBlockImpl;

// What a residual block makes of the time, for many evaluations at one time.
struct BlockTable {
  torch::Tensor scale, shift; // of its second norm, [B or 1, channels] float32
};
using BlockTables = std::unordered_map<const ResBlockImpl *, BlockTable>;

// What conditions a residual block, float32.  Undefined tensors mean "none" (the semantic
// encoder).
struct Condition {
  torch::Tensor time;                  // [B or 1, embed_channels], SiLU already applied
  torch::Tensor z;                     // [B or 1, style_channels], SiLU already applied
  const BlockTables *tables = nullptr; // where they are known already, in place of `time`
};

// GroupNorm32: min(32, channels) groups, eps 1e-5.
torch::nn::GroupNorm group_norm32 (int channels);

// Weights of convolutions to `type`, channels-last; everything else stays float32
// (norms and embeddings are small and want the precision).
void convert_convolutions (torch::nn::Module &module, torch::ScalarType type);

// GN, SiLU, [resample,] conv3x3; then, if conditioned: GN, scale and shift by time,
// scale by z, SiLU, dropout, conv3x3; plus the skip path.  The unconditioned block
// has one convolution only (Diff-AE's semantic encoder).
class ResBlockImpl : public torch::nn::Module {
public:
  struct Options {
    int in = 0;
    int out = 0;
    int embed_channels = 0; // 0 = unconditioned
    int style_channels = 0;
    double dropout = 0;
    Resample resample = Resample::none;
  };

  explicit ResBlockImpl (const Options &options);

  // x: [B, in, H, W] -> [B, out, H', W'].  B of the condition may be 1.
  torch::Tensor forward (torch::Tensor x, const Condition &condition);

  // Norm's affine part, scale and shift by time and scale by z are one scale and one
  // shift: ((n*g + b) * (1+s_t) + shift_t) * (1+s_z).  Here is what z has no part in.
  // time: as in Condition.
  BlockTable table (const torch::Tensor &time);

private:
  Resample resample_;
  double dropout_;
  torch::nn::GroupNorm in_norm_{nullptr}, out_norm_{nullptr};
  Conv3x3 in_conv_{nullptr}, out_conv_{nullptr};
  PointConv skip_{nullptr};
  torch::nn::Linear time_{nullptr};
  RowLinear z_{nullptr};
};
TORCH_MODULE (ResBlock);

// Self-attention over the pixels of a feature map, one head: GN, qkv, softmax in
// float32, projection, residual.
class AttentionBlockImpl : public torch::nn::Module {
public:
  explicit AttentionBlockImpl (int channels);
  torch::Tensor forward (const torch::Tensor &x);

private:
  torch::nn::GroupNorm norm_{nullptr};
  torch::nn::Conv1d qkv_{nullptr}, proj_out_{nullptr};
};
TORCH_MODULE (AttentionBlock);

// One entry of input_blocks / output_blocks: what runs one after the other.
class StageImpl : public torch::nn::Module {
public:
  void set_stem (Conv3x3 conv);
  void add (ResBlock block);
  void add (AttentionBlock block);
  torch::Tensor forward (torch::Tensor x, const Condition &condition);

  // What comes after the stem.
  torch::Tensor forward_blocks (torch::Tensor x, const Condition &condition);
  Conv3x3 stem () const { return stem_; }

private:
  std::string next_name () { return std::to_string (children ().size ()); }

  Conv3x3 stem_{nullptr};
  // In the order of calling; at most one of the pair is set.
  std::vector<std::pair<ResBlock, AttentionBlock>> steps_;
};
TORCH_MODULE (Stage);

} // namespace daetalker
