// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/blocks.h"

#include "models/nn/fused_norm.h"

#include <cmath>
#include <torch/utils.h>

namespace daetalker {

using torch::Tensor;

namespace {

// A module that only holds others under the indices of the Python lists.
std::shared_ptr<torch::nn::Module>
holder (std::initializer_list<std::pair<const char *, std::shared_ptr<torch::nn::Module>>>
            modules)
{
  auto result = std::make_shared<torch::nn::Module> ();
  for (const auto &[name, module] : modules)
    result->register_module (name, module);
  return result;
}

// A fresh block adds nothing to its input (Diff-AE, zero_module).
template <typename Conv>
Conv
zeroed (Conv conv)
{
  torch::NoGradGuard guard;
  conv->weight.zero_ ();
  conv->bias.zero_ ();
  return conv;
}

Tensor
as_row (const Tensor &parameter)
{
  return parameter.to (torch::kFloat).unsqueeze (0);
}

} // namespace

torch::nn::GroupNorm
group_norm32 (int channels)
{
  return torch::nn::GroupNorm (
      torch::nn::GroupNormOptions (std::min (32, channels), channels));
}

void
convert_convolutions (torch::nn::Module &module, torch::ScalarType type)
{
  for (const auto &item : module.modules ()) {
    if (auto *conv2d = item->as<torch::nn::Conv2d> ()) {
      conv2d->to (type);
      torch::NoGradGuard guard;
      conv2d->weight.set_data (
          conv2d->weight.contiguous (at::MemoryFormat::ChannelsLast));
    } else if (auto *conv1d = item->as<torch::nn::Conv1d> ()) {
      conv1d->to (type);
    }
  }
}

// ---- ResBlock ----------------------------------------------------------------

ResBlockImpl::ResBlockImpl (const Options &options)
    : resample_ (options.resample), dropout_ (options.dropout)
{
  in_norm_ = group_norm32 (options.in);
  in_conv_ = Conv3x3 (options.in, options.out);
  // Indices as in the Python lists: 1 is SiLU; 2 of out_layers is Dropout.
  register_module ("in_layers",
                   holder ({{"0", in_norm_.ptr ()}, {"2", in_conv_.ptr ()}}));
  if (options.embed_channels > 0) {
    time_ = torch::nn::Linear (options.embed_channels, 2 * options.out);
    z_ = RowLinear (options.style_channels, options.out);
    out_norm_ = group_norm32 (options.out);
    out_conv_ = zeroed (Conv3x3 (options.out, options.out));
    register_module ("emb_layers", holder ({{"1", time_.ptr ()}}));
    register_module ("cond_emb_layers", holder ({{"1", z_.ptr ()}}));
    register_module ("out_layers",
                     holder ({{"0", out_norm_.ptr ()}, {"3", out_conv_.ptr ()}}));
  }
  if (options.in != options.out)
    skip_ = register_module ("skip_connection", PointConv (options.in, options.out));
}

Tensor
ResBlockImpl::forward (Tensor x, const Condition &condition)
{
  Tensor h = norm_modulate_silu (x, as_row (in_norm_->weight), as_row (in_norm_->bias),
                                 in_norm_->options.num_groups ());
  if (resample_ == Resample::up) {
    h = in_conv_->forward_enlarged (h);
    x = enlarged_twice (x);
  } else if (resample_ == Resample::down) {
    h = in_conv_ (torch::avg_pool2d (h, 2));
    x = torch::avg_pool2d (x, 2);
  } else {
    h = in_conv_ (h);
  }

  if (out_norm_) {
    const BlockTable time = condition.tables != nullptr ? condition.tables->at (this)
                                                        : table (condition.time);
    const Tensor by_z = 1 + z_ (condition.z);
    h = norm_modulate_silu (h, time.scale * by_z, time.shift * by_z,
                            out_norm_->options.num_groups ());
    if (dropout_ > 0)
      h = torch::dropout (h, dropout_, is_training ());
    if (!skip_)
      return out_conv_->added_to (x, h);
    h = out_conv_ (h);
  }
  return skip_ ? skip_->added_to (h, x) : x + h;
}

BlockTable
ResBlockImpl::table (const Tensor &time)
{
  const auto parts = time_ (time).chunk (2, 1);
  const Tensor by_time = 1 + parts[0];
  return {as_row (out_norm_->weight) * by_time,
          as_row (out_norm_->bias) * by_time + parts[1]};
}

// ---- AttentionBlock ------------------------------------------------------------

AttentionBlockImpl::AttentionBlockImpl (int channels)
{
  norm_ = register_module ("norm", group_norm32 (channels));
  qkv_ = register_module (
      "qkv", torch::nn::Conv1d (torch::nn::Conv1dOptions (channels, 3 * channels, 1)));
  proj_out_ = register_module (
      "proj_out",
      zeroed (torch::nn::Conv1d (torch::nn::Conv1dOptions (channels, channels, 1))));
}

Tensor
AttentionBlockImpl::forward (const Tensor &x)
{
  int64_t batch = x.size (0), channels = x.size (1);
  Tensor flat = x.reshape ({batch, channels, -1});
  // Statistics in float32, as under the published code's autocast.
  Tensor n = norm_->forward (flat.to (torch::kFloat)).to (x.scalar_type ());
  auto parts = qkv_ (n).chunk (3, 1);
  double scale = 1 / std::sqrt (std::sqrt (double (channels)));
  Tensor weight = torch::bmm ((parts[0] * scale).transpose (1, 2), parts[1] * scale);
  weight = torch::softmax (weight.to (torch::kFloat), -1).to (x.scalar_type ());
  Tensor mixed = torch::bmm (parts[2], weight.transpose (1, 2));
  return (flat + proj_out_ (mixed))
      .reshape (x.sizes ())
      .contiguous (at::MemoryFormat::ChannelsLast);
}

// ---- Stage -----------------------------------------------------------------------

void
StageImpl::set_stem (Conv3x3 stem)
{
  stem_ = register_module (next_name (), stem);
}

void
StageImpl::add (ResBlock block)
{
  register_module (next_name (), block);
  steps_.emplace_back (block, nullptr);
}

void
StageImpl::add (AttentionBlock block)
{
  register_module (next_name (), block);
  steps_.emplace_back (nullptr, block);
}

Tensor
StageImpl::forward (Tensor x, const Condition &condition)
{
  return forward_blocks (stem_ ? stem_ (x) : x, condition);
}

Tensor
StageImpl::forward_blocks (Tensor x, const Condition &condition)
{
  for (auto &[res, attention] : steps_)
    x = res ? res->forward (x, condition) : attention->forward (x);
  return x;
}

} // namespace daetalker
