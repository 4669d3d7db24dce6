// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/semantic_encoder.h"

#include "models/nn/fused_norm.h"
#include "models/nn/unet.h"

#include <algorithm>
#include <torch/nn/modules/container/modulelist.h>

namespace daetalker {

using torch::Tensor;

namespace {

ResBlock
res_block (int in, int out, Resample resample = Resample::none)
{
  ResBlockImpl::Options options;
  options.in = in;
  options.out = out;
  options.resample = resample;
  return ResBlock (options);
}

} // namespace

SemanticEncoderImpl::SemanticEncoderImpl (const SemanticEncoderConfig &config)
    : config_ (config)
{
  int side = config_.image_size / config_.patch;
  auto has_attention = [&] {
    const auto &sides = config_.attention_resolutions;
    return std::find (sides.begin (), sides.end (), side) != sides.end ();
  };
  int channels = config_.channel_mult[0] * config_.model_channels;
  stem_ = Conv3x3 (3 * config_.patch * config_.patch, channels);
  Stage stem;
  stem->set_stem (stem_);
  input_blocks_.push_back (stem);

  int levels = int (config_.channel_mult.size ());
  for (int level = 0; level < levels; level++) {
    int out = config_.channel_mult[level] * config_.model_channels;
    for (int i = 0; i < config_.num_res_blocks; i++) {
      Stage stage;
      stage->add (res_block (channels, out));
      channels = out;
      if (has_attention ())
        stage->add (AttentionBlock (channels));
      input_blocks_.push_back (stage);
    }
    if (level + 1 < levels) {
      Stage down;
      down->add (res_block (channels, channels, Resample::down));
      input_blocks_.push_back (down);
      side /= 2;
    }
  }
  torch::nn::ModuleList list;
  for (auto &stage : input_blocks_)
    list->push_back (stage);
  register_module ("input_blocks", list);

  torch::nn::ModuleList middle;
  middle->push_back (middle_in_ = res_block (channels, channels));
  if (config_.middle_attention)
    middle->push_back (middle_attention_ = AttentionBlock (channels));
  middle->push_back (middle_out_ = res_block (channels, channels));
  register_module ("middle_block", middle);

  // Indices as in the Python list: 1 is SiLU, 2 the pooling.
  out_norm_ = group_norm32 (channels);
  out_conv_ = PointConv (channels, config_.style_channels);
  auto out = register_module ("out", std::make_shared<torch::nn::Module> ());
  out->register_module ("0", out_norm_);
  out->register_module ("3", out_conv_);
}

Tensor
SemanticEncoderImpl::forward (const Tensor &x)
{
  return forward_patches (to_patches (x, config_.patch).to (type ()));
}

Tensor
SemanticEncoderImpl::forward_patches (Tensor h)
{
  Condition none;
  for (auto &stage : input_blocks_)
    h = stage->forward (h, none);
  h = middle_in_->forward (h, none);
  if (middle_attention_)
    h = middle_attention_->forward (h);
  h = middle_out_->forward (h, none);
  h = norm_modulate_silu (h, out_norm_->weight.to (torch::kFloat).unsqueeze (0),
                          out_norm_->bias.to (torch::kFloat).unsqueeze (0),
                          out_norm_->options.num_groups ());
  h = torch::adaptive_avg_pool2d (h, {1, 1});
  // In float32: what tells two mouths apart is a small part of z, and bfloat16's
  // eight bits would round it away.
  return torch::conv2d (h.to (torch::kFloat), out_conv_->weight.to (torch::kFloat),
                        out_conv_->bias.to (torch::kFloat))
      .flatten (1);
}

} // namespace daetalker
