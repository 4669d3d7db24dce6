// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Conformer blocks (Gulati et al. 2020) with the arithmetic of torchaudio and of
// ESPnet behind switches.
//
// A block is up to four parts in this order, each with its residual:
//   ffn1 (x 1/2, if macaron), attention, convolution, ffn2 (x 1/2 if macaron)
// and then norm_final.  With pre_norm a part adds f(norm(x)), else x becomes
// norm(x + f(x)).
//
// Parameter names, and what they are called upstream (block i):
//   blocks.i.                   torchaudio conformer_layers.i.   ESPnet encoders.i.
//   norm_ffn1                   ffn1.sequential.0                norm_ff_macaron
//   ffn1.inner, ffn1.outer      ffn1.sequential.1, .4 feed_forward_macaron.w_1, .w_2
//   norm_attention              self_attn_layer_norm             norm_mha
//   attention.qkv               self_attn.in_proj_* self_attn.linear_{q,k,v}, stacked
//   attention.out               self_attn.out_proj               self_attn.linear_out
//   attention.position          -                                self_attn.linear_pos
//   attention.bias_u, bias_v    -                                self_attn.pos_bias_u, _v
//   norm_convolution            conv_module.layer_norm           norm_conv
//   convolution.inner           conv_module.sequential.0 conv_module.pointwise_conv1
//   convolution.depthwise       conv_module.sequential.2 conv_module.depthwise_conv
//   convolution.norm            conv_module.sequential.3         conv_module.norm
//   convolution.outer           conv_module.sequential.5 conv_module.pointwise_conv2
//   norm_ffn2                   ffn2.sequential.0                norm_ff
//   ffn2.inner, ffn2.outer      ffn2.sequential.1, .4            feed_forward.w_1, .w_2
//   norm_final                  final_layer_norm                 norm_final
// Pointwise convolutions are linear layers here: weight [out, in], not [out, in, 1].
#pragma once

#include "models/nn/conformer_config.h"

#include <array>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/normalization.h>
#include <vector>

#include "models/nn/row_linear.h"

namespace daetalker {

class FeedForwardImpl : public torch::nn::Module {
public:
  explicit FeedForwardImpl (const ConformerConfig &config);
  torch::Tensor forward (const torch::Tensor &x); // [B, T, D] -> [B, T, D]

private:
  RowLinear inner_{nullptr}, outer_{nullptr};
  torch::nn::Dropout dropout_{nullptr};
};
TORCH_MODULE (FeedForward);

// Multi-head self-attention; with relative_positions that of Transformer-XL
// (Dai et al. 2019, section 3.3): (q+u)k + (q+v)p, p by distance i - j.
class SelfAttentionImpl : public torch::nn::Module {
public:
  explicit SelfAttentionImpl (const ConformerConfig &config);

  // What is kept of the frames before.
  struct Past {
    torch::Tensor keys, values; // [B, P, heads, D / heads]; undefined: none yet
    torch::Tensor positions;    // the last ones, and what the weights make of them
    torch::Tensor places;       // [P + 2T-1, heads, D / heads]

    void keep (const torch::Tensor &all_keys, const torch::Tensor &all_values,
               int64_t left);
  };

  // x: [B, T, D].  positions: [P + 2T-1, D] from relative_position_encoding(), unused
  // without relative_positions.  mask: bool, broadcastable to [B, T, P + T], true where
  // frame i (row) may look at frame j (column, the P of the past first); undefined =
  // everywhere.  `past`: P frames that are looked at as well; `left` of those and these
  // are left in it, and so many before itself a frame sees: `mask` says nothing else
  // then.
  torch::Tensor forward (const torch::Tensor &x, const torch::Tensor &positions,
                         const torch::Tensor &mask, Past *past = nullptr,
                         int64_t left = 0);

private:
  torch::Tensor places (const torch::Tensor &positions, Past *past);
  torch::Tensor attend_few (const torch::Tensor &qkv, const torch::Tensor &positions,
                            Past &past, int64_t left);

  int64_t heads_;
  RowLinear qkv_{nullptr}, out_{nullptr}, position_{nullptr};
  torch::Tensor bias_u_, bias_v_; // [heads, D / heads]
  torch::nn::Dropout dropout_{nullptr};
};
TORCH_MODULE (SelfAttention);

// Pointwise to 2D, GLU, depthwise convolution over time (zero-padded), norm, SiLU,
// pointwise.
class ConvolutionImpl : public torch::nn::Module, public Settling {
public:
  explicit ConvolutionImpl (const ConformerConfig &config);

  // [B, T, D] -> [B, T, D].  `past`, of a causal one: what stands before the first frame
  // in place of zeros, [B, kernel - 1, D], or undefined for zeros; of the last frames
  // afterwards.
  torch::Tensor forward (const torch::Tensor &x, torch::Tensor *past = nullptr);

  void settle () override;

private:
  const std::array<int64_t, 2> padding_; // frames before and after
  RowLinear inner_{nullptr}, outer_{nullptr};
  torch::nn::Conv1d depthwise_{nullptr};
  // One of the three is set.
  torch::nn::BatchNorm1d batch_norm_{nullptr};
  torch::nn::LayerNorm layer_norm_{nullptr};
  torch::nn::GroupNorm group_norm_{nullptr};
  torch::Tensor taps_; // [kernel, D]
};
TORCH_MODULE (Convolution);

class ConformerBlockImpl : public torch::nn::Module {
public:
  explicit ConformerBlockImpl (const ConformerConfig &config);

  struct Past {
    SelfAttentionImpl::Past attention;
    torch::Tensor convolution;
  };

  // As SelfAttention's.
  torch::Tensor forward (torch::Tensor x, const torch::Tensor &positions,
                         const torch::Tensor &mask, Past *past = nullptr,
                         int64_t left = 0);

private:
  template <typename Part>
  torch::Tensor residual (const torch::Tensor &x, const torch::nn::LayerNorm &norm,
                          double scale, const Part &part);

  ConformerConfig config_;
  FeedForward ffn1_{nullptr}, ffn2_{nullptr};
  SelfAttention attention_{nullptr};
  Convolution convolution_{nullptr};
  torch::nn::LayerNorm norm_ffn1_{nullptr}, norm_attention_{nullptr},
      norm_convolution_{nullptr}, norm_ffn2_{nullptr}, norm_final_{nullptr};
  torch::nn::Dropout dropout_{nullptr};
};
TORCH_MODULE (ConformerBlock);

class ConformerImpl : public torch::nn::Module {
public:
  explicit ConformerImpl (const ConformerConfig &config);

  // x: [B, T, D] -> [B, T, D].  mask: see SelfAttention.
  torch::Tensor forward (torch::Tensor x, const torch::Tensor &mask = {});

  // What a stream keeps, so that each of its frames is computed once.
  struct Past {
    int64_t left = 0;        // frames before its own that a frame looks at, in each block
    int64_t frames = 0;      // of them that are there
    torch::Tensor positions; // of the last call, whose latest distance was -last
    int64_t last = 0;
    std::vector<ConformerBlockImpl::Past> blocks;
  };

  // Whether a stream can be gone on with: no frame sees a later one, and none is
  // normalised together with others.
  static bool has_past (const ConformerConfig &config);

  // x: the next frames of a stream.  All of them in one call or one by one, the result
  // is that of forward() with a mask that shows `left` frames and the frame itself.
  torch::Tensor go_on (torch::Tensor x, Past &past);

private:
  torch::Tensor run (torch::Tensor x, const torch::Tensor &mask, Past *past);

  ConformerConfig config_;
  torch::nn::ModuleList blocks_;
  torch::nn::Dropout dropout_{nullptr};
};
TORCH_MODULE (Conformer);

// Sinusoids of the distances first ... -last: [first + last + 1, size], sines in the
// even columns and cosines in the odd ones, of the type and on the device of `options`.
torch::Tensor relative_position_encoding (int64_t first, int64_t last, int64_t size,
                                          const torch::TensorOptions &options);

} // namespace daetalker
