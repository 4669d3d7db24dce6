// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/conformer.h"

#include "models/nn/exact_norm.h"
#include "models/nn/interruption.h"
#include "models/nn/row_kernels.h"

#include <cmath>
#include <limits>

namespace daetalker {

namespace nn = torch::nn;

// Whether the next rows of a stream are computed by row_kernels.h.
static bool
goes_by_rows (const torch::Tensor &x)
{
  return x.size (0) == 1 && are_few_rows (x);
}

// ---- feed-forward ---------------------------------------------------------------

FeedForwardImpl::FeedForwardImpl (const ConformerConfig &config)
    : inner_ (register_module ("inner", RowLinear (config.size, config.feed_forward))),
      outer_ (register_module ("outer", RowLinear (config.feed_forward, config.size))),
      dropout_ (config.dropout)
{
  register_module ("dropout", dropout_);
}

torch::Tensor
FeedForwardImpl::forward (const torch::Tensor &x)
{
  return outer_ (dropout_ (torch::silu (inner_ (x))));
}

// ---- attention ------------------------------------------------------------------

SelfAttentionImpl::SelfAttentionImpl (const ConformerConfig &config)
    : heads_ (config.heads),
      qkv_ (register_module ("qkv", RowLinear (config.size, 3 * config.size))),
      out_ (register_module ("out", RowLinear (config.size, config.size))),
      dropout_ (config.dropout)
{
  register_module ("dropout", dropout_);
  if (!config.relative_positions)
    return;
  position_ = register_module ("position", RowLinear (config.size, config.size, false));
  const int64_t head_size = config.size / config.heads;
  bias_u_ = register_parameter ("bias_u", torch::empty ({heads_, head_size}));
  bias_v_ = register_parameter ("bias_v", torch::empty ({heads_, head_size}));
  nn::init::xavier_uniform_ (bias_u_);
  nn::init::xavier_uniform_ (bias_v_);
}

// scores: [B, H, T, P + 2T-1], of frame i and distance P + T-1-m in column m; the view
// [B, H, T, P + T] whose column j holds the distance P + i - j.
static torch::Tensor
by_key (const torch::Tensor &scores)
{
  const auto packed = scores.contiguous ();
  const int64_t frames = packed.size (2);
  const int64_t width = packed.size (3);
  const int64_t keys = width - frames + 1;
  return packed.as_strided ({packed.size (0), packed.size (1), frames, keys},
                            {packed.stride (0), packed.stride (1), width - 1, 1},
                            packed.storage_offset () + frames - 1);
}

// In a stream the positions are the same ones at every step, once its past is full.
torch::Tensor
SelfAttentionImpl::places (const torch::Tensor &positions, Past *past)
{
  if (past != nullptr && past->positions.is_same (positions))
    return past->places;
  const auto places =
      position_ (positions).view ({-1, heads_, positions.size (1) / heads_});
  if (past != nullptr) {
    past->positions = positions;
    past->places = places;
  }
  return places;
}

void
SelfAttentionImpl::Past::keep (const torch::Tensor &all_keys,
                               const torch::Tensor &all_values, int64_t left)
{
  const int64_t kept = std::min (left, all_keys.size (1));
  keys = all_keys.narrow (1, all_keys.size (1) - kept, kept);
  values = all_values.narrow (1, all_values.size (1) - kept, kept);
}

torch::Tensor
SelfAttentionImpl::attend_few (const torch::Tensor &qkv, const torch::Tensor &positions,
                               Past &past, int64_t left)
{
  RowAttention attention{qkv, past.keys, past.values, {}, {}, {}, heads_, left};
  if (!position_.is_empty ()) {
    attention.places = places (positions, &past);
    attention.bias_u = bias_u_;
    attention.bias_v = bias_v_;
  }
  const RowsAttended attended = attend_rows (attention);
  past.keep (attended.keys, attended.values, left);
  return attended.rows;
}

torch::Tensor
SelfAttentionImpl::forward (const torch::Tensor &x, const torch::Tensor &positions,
                            const torch::Tensor &mask, Past *past, int64_t left)
{
  const int64_t batch = x.size (0);
  const int64_t frames = x.size (1);
  const int64_t head_size = x.size (2) / heads_;
  const double scale = 1.0 / std::sqrt (static_cast<double> (head_size));
  const auto qkv = qkv_ (x);
  if (past != nullptr && goes_by_rows (x))
    return out_ (attend_few (qkv, positions, *past, left));
  const auto parts = qkv.view ({batch, frames, 3, heads_, head_size}).unbind (2);
  const auto &q = parts[0]; // [B, T, H, d]
  auto keys = parts[1], values = parts[2];
  if (past != nullptr) {
    if (past->keys.defined ()) {
      keys = torch::cat ({past->keys, keys}, 1);
      values = torch::cat ({past->values, values}, 1);
    }
    past->keep (keys, values, left);
  }
  const auto k = keys.permute ({0, 2, 3, 1});
  const auto v = values.transpose (1, 2);

  torch::Tensor scores; // [B, H, T, P + T]
  if (position_.is_empty ()) {
    scores = torch::matmul ((q * scale).transpose (1, 2), k);
  } else {
    const auto p = places (positions, past);
    const auto content = ((q + bias_u_) * scale).transpose (1, 2);
    const auto place = ((q + bias_v_) * scale).transpose (1, 2);
    scores = torch::matmul (content, k) +
             by_key (torch::matmul (place, p.permute ({1, 2, 0})));
  }
  if (mask.defined ()) {
    const auto hidden = (mask.dim () == 3 ? mask.unsqueeze (1) : mask).logical_not ();
    // Not -inf: a frame that may look nowhere must not become NaN.
    scores = scores.masked_fill (hidden, -1e30);
  }
  const auto weights = dropout_ (torch::softmax (scores, -1));
  return out_ (torch::matmul (weights, v).transpose (1, 2).reshape (x.sizes ()));
}

// ---- convolution ----------------------------------------------------------------

ConvolutionImpl::ConvolutionImpl (const ConformerConfig &config)
    : padding_ (config.causal
                    ? std::array<int64_t, 2>{config.kernel - 1, 0}
                    : std::array<int64_t, 2>{config.kernel / 2, config.kernel / 2}),
      inner_ (register_module (
          "inner", RowLinear (config.size, 2 * config.size, config.conv_bias))),
      outer_ (register_module ("outer",
                               RowLinear (config.size, config.size, config.conv_bias))),
      depthwise_ (register_module (
          "depthwise",
          nn::Conv1d (nn::Conv1dOptions (config.size, config.size, config.kernel)
                          .groups (config.size)
                          .bias (config.conv_bias))))
{
  switch (config.conv_norm) {
  case ConvNorm::batch:
    batch_norm_ = register_module ("norm", nn::BatchNorm1d (config.size));
    break;
  case ConvNorm::layer:
    layer_norm_ =
        register_module ("norm", nn::LayerNorm (nn::LayerNormOptions ({config.size})));
    break;
  case ConvNorm::group:
    group_norm_ =
        register_module ("norm", nn::GroupNorm (nn::GroupNormOptions (1, config.size)));
    break;
  }
}

void
ConvolutionImpl::settle ()
{
  const auto &weight = depthwise_->weight; // [D, 1, kernel]
  if (weight.is_cpu () && weight.scalar_type () == torch::kFloat &&
      !layer_norm_.is_empty ())
    taps_ = weight.detach ().squeeze (1).t ().contiguous ();
}

torch::Tensor
ConvolutionImpl::forward (const torch::Tensor &x, torch::Tensor *past)
{
  const auto wide = inner_ (x);
  if (past != nullptr && taps_.defined () && goes_by_rows (x))
    return outer_ (convolve_rows ({taps_, depthwise_->bias, layer_norm_}, wide, *past));
  auto h = torch::glu (wide, -1); // [B, T, D]
  h = past != nullptr && past->defined ()
          ? torch::cat ({*past, h}, 1)
          : torch::constant_pad_nd (h, {0, 0, padding_[0], padding_[1]});
  if (past != nullptr)
    *past = h.narrow (1, h.size (1) - padding_[0], padding_[0]);
  h = depthwise_ (h.transpose (1, 2));
  if (!batch_norm_.is_empty ())
    h = batch_norm_ (h);
  else if (!group_norm_.is_empty ())
    h = exact_norm (group_norm_, h);
  h = h.transpose (1, 2);
  if (!layer_norm_.is_empty ())
    h = exact_norm (layer_norm_, h);
  return outer_ (torch::silu (h));
}

// ---- block ----------------------------------------------------------------------

ConformerBlockImpl::ConformerBlockImpl (const ConformerConfig &config)
    : config_ (config), dropout_ (config.dropout)
{
  const auto norm = [&] (const char *name) {
    return register_module (
        name, nn::LayerNorm (nn::LayerNormOptions ({config.size}).eps (config.eps)));
  };
  if (config.macaron) {
    norm_ffn1_ = norm ("norm_ffn1");
    ffn1_ = register_module ("ffn1", FeedForward (config));
  }
  norm_attention_ = norm ("norm_attention");
  attention_ = register_module ("attention", SelfAttention (config));
  norm_convolution_ = norm ("norm_convolution");
  convolution_ = register_module ("convolution", Convolution (config));
  norm_ffn2_ = norm ("norm_ffn2");
  ffn2_ = register_module ("ffn2", FeedForward (config));
  norm_final_ = norm ("norm_final");
  register_module ("dropout", dropout_);
}

template <typename Part>
torch::Tensor
ConformerBlockImpl::residual (const torch::Tensor &x, const nn::LayerNorm &norm,
                              double scale, const Part &part)
{
  const auto h = dropout_ (part (config_.pre_norm ? exact_norm (norm, x) : x));
  const auto sum = torch::add (x, h, scale);
  return config_.pre_norm ? sum : exact_norm (norm, sum);
}

torch::Tensor
ConformerBlockImpl::forward (torch::Tensor x, const torch::Tensor &positions,
                             const torch::Tensor &mask, Past *past, int64_t left)
{
  const double step = config_.macaron ? 0.5 : 1.0;
  const auto attend = [&] (const torch::Tensor &h) {
    return attention_ (h, positions, mask, past ? &past->attention : nullptr, left);
  };
  const auto convolve = [&] {
    x = residual (x, norm_convolution_, 1.0, [&] (const torch::Tensor &h) {
      return convolution_ (h, past ? &past->convolution : nullptr);
    });
  };
  if (config_.macaron)
    x = residual (x, norm_ffn1_, step,
                  [&] (const torch::Tensor &h) { return ffn1_ (h); });
  if (config_.convolution_first)
    convolve ();
  x = residual (x, norm_attention_, 1.0, attend);
  if (!config_.convolution_first)
    convolve ();
  x = residual (x, norm_ffn2_, step, [&] (const torch::Tensor &h) { return ffn2_ (h); });
  return exact_norm (norm_final_, x);
}

// ---- stack ----------------------------------------------------------------------

ConformerImpl::ConformerImpl (const ConformerConfig &config)
    : config_ (config), dropout_ (config.dropout)
{
  register_module ("blocks", blocks_);
  for (int i = 0; i < config.blocks; i++)
    blocks_->push_back (ConformerBlock (config));
  register_module ("dropout", dropout_);
}

torch::Tensor
ConformerImpl::forward (torch::Tensor x, const torch::Tensor &mask)
{
  if (!config_.causal)
    return run (x, mask, nullptr);
  const torch::Tensor before =
      torch::ones ({1, x.size (1), x.size (1)}, x.options ().dtype (torch::kBool))
          .tril ();
  return run (x, mask.defined () ? torch::logical_and (mask, before) : before, nullptr);
}

bool
ConformerImpl::has_past (const ConformerConfig &config)
{
  return config.causal && config.conv_norm != ConvNorm::group;
}

torch::Tensor
ConformerImpl::go_on (torch::Tensor x, Past &past)
{
  past.blocks.resize (blocks_->size ());
  torch::Tensor mask; // rows know what they see; one frame sees all that is kept
  if (x.size (1) > 1 && !goes_by_rows (x))
    mask = torch::ones ({1, x.size (1), past.frames + x.size (1)},
                        x.options ().dtype (torch::kBool))
               .tril (past.frames)
               .triu (past.frames - past.left);
  const int64_t frames = past.frames + x.size (1);
  x = run (x, mask, &past);
  past.frames = std::min (past.left, frames);
  return x;
}

torch::Tensor
ConformerImpl::run (torch::Tensor x, const torch::Tensor &mask, Past *past)
{
  torch::Tensor positions;
  if (config_.scale_input)
    x = x * std::sqrt (static_cast<double> (config_.size));
  if (config_.relative_positions) {
    // ESPnet's positional encoding module has the dropout of the input.
    const int64_t last = x.size (1) - 1;
    const int64_t first = last + (past ? past->frames : 0);
    if (past != nullptr && past->positions.defined () && past->last == last &&
        past->positions.size (0) == first + last + 1)
      positions = past->positions;
    else
      positions =
          dropout_ (relative_position_encoding (first, last, x.size (2), x.options ()));
    if (past != nullptr) {
      past->positions = positions;
      past->last = last;
    }
    x = dropout_ (x);
  }
  for (size_t i = 0; i < blocks_->size (); i++) {
    interruption_point ();
    x = blocks_[i]->as<ConformerBlock> ()->forward (
        x, positions, mask, past ? &past->blocks[i] : nullptr, past ? past->left : 0);
  }
  return x;
}

torch::Tensor
relative_position_encoding (int64_t first, int64_t last, int64_t size,
                            const torch::TensorOptions &options)
{
  const auto float32 = options.dtype (torch::kFloat32);
  const auto distance = torch::arange (first, -last - 1, -1, float32).unsqueeze (1);
  const auto rate = torch::exp (torch::arange (0, size, 2, float32) *
                                (-std::log (10000.0) / static_cast<double> (size)));
  const auto phase = distance * rate;
  return torch::stack ({phase.sin (), phase.cos ()}, 2)
      .view ({first + last + 1, size})
      .to (options.dtype ());
}

} // namespace daetalker
