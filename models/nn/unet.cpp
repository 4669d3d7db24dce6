// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/unet.h"

#include "models/nn/fused_norm.h"
#include "models/nn/interruption.h"

#include <algorithm>
#include <cmath>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/utils.h>

namespace daetalker {

using torch::Tensor;

Tensor
timestep_embedding (const Tensor &t, int size)
{
  int half = size / 2;
  Tensor frequencies =
      torch::exp (torch::arange (half, t.options ().dtype (torch::kFloat)) *
                  (-std::log (10000.0) / half));
  Tensor angles = t.to (torch::kFloat).unsqueeze (1) * frequencies.unsqueeze (0);
  Tensor embedding = torch::cat ({torch::cos (angles), torch::sin (angles)}, 1);
  if (size % 2)
    embedding = torch::constant_pad_nd (embedding, {0, 1});
  return embedding;
}

Tensor
to_patches (const Tensor &picture, int patch)
{
  Tensor patches = patch > 1 ? torch::pixel_unshuffle (picture, patch) : picture;
  return patches.contiguous (at::MemoryFormat::ChannelsLast);
}

Tensor
from_patches (const Tensor &patches, int patch)
{
  return patch > 1 ? torch::pixel_shuffle (patches, patch) : patches;
}

namespace {

// The channels that eigenfaces add to a stem of patches.
int
plane_channels (int patch)
{
  return patch * patch / 4 + 2 * patch * patch / 16;
}

// [B, plane_channels, side/patch, side/patch]; scaled, since what varies from frame to
// frame is a small part of a picture.
Tensor
plane_patches (const EigenfacesImpl::Planes &planes, int patch)
{
  constexpr double brightness_gain = 2, colour_gain = 4;
  return torch::cat ({to_patches (planes.brightness, patch / 2) * brightness_gain,
                      to_patches (planes.colour, patch / 4) * colour_gain},
                     1);
}

// A convolution with these weights, without a bias.
Conv3x3
plane_stem (const Tensor &weight)
{
  const torch::NoGradGuard no_gradient;
  Conv3x3 stem (weight.size (1), weight.size (0));
  stem->weight = weight.contiguous (at::MemoryFormat::ChannelsLast);
  stem->bias = weight.new_zeros (weight.size (0));
  stem->settle ();
  return stem;
}

} // namespace

UNetImpl::UNetImpl (const UNetConfig &config) : config_ (config)
{
  if (config_.eigenfaces)
    eigenfaces_ = register_module (
        "eigenfaces", Eigenfaces (config_.image_size, config_.style_channels));
  embed_in_ = torch::nn::Linear (config_.model_channels, config_.embed_channels);
  embed_out_ = torch::nn::Linear (config_.embed_channels, config_.embed_channels);
  // The published name says it twice: the embedder is a field of an embedder.
  auto outer = register_module ("time_embed", std::make_shared<torch::nn::Module> ());
  auto inner =
      outer->register_module ("time_embed", std::make_shared<torch::nn::Module> ());
  inner->register_module ("0", embed_in_);
  inner->register_module ("2", embed_out_);

  build_input ();
  build_middle ();
  build_output ();

  out_norm_ = group_norm32 (channels_);
  out_conv_ = Conv3x3 (channels_, 3 * config_.patch * config_.patch);
  torch::NoGradGuard guard;
  out_conv_->weight.zero_ ();
  out_conv_->bias.zero_ ();
  auto out = register_module ("out", std::make_shared<torch::nn::Module> ());
  out->register_module ("0", out_norm_);
  out->register_module ("2", out_conv_);
  if (config_.references > 0)
    references_ = register_module (
        "references",
        ReferenceWarp (config_.references, config_.image_size, config_.patch, channels_));
}

ResBlock
UNetImpl::res_block (int in, int out, Resample resample) const
{
  ResBlockImpl::Options options;
  options.in = in;
  options.out = out;
  options.embed_channels = config_.embed_channels;
  options.style_channels = config_.style_channels;
  options.dropout = config_.dropout;
  options.resample = resample;
  return ResBlock (options);
}

bool
UNetImpl::has_attention (int side) const
{
  const auto &sides = config_.attention_resolutions;
  return std::find (sides.begin (), sides.end (), side) != sides.end ();
}

void
UNetImpl::build_input ()
{
  int levels = int (config_.channel_mult.size ());
  int side = config_.image_size / config_.patch;
  lateral_channels_.resize (levels);
  channels_ = config_.channel_mult[0] * config_.model_channels;

  Stage stem;
  int in = 3 * config_.patch * config_.patch;
  if (config_.eigenfaces)
    in += plane_channels (config_.patch);
  stem->set_stem (Conv3x3 (in, channels_));
  input_blocks_.push_back (stem);
  lateral_channels_[0].push_back (channels_);

  for (int level = 0; level < levels; level++) {
    int out = config_.channel_mult[level] * config_.model_channels;
    for (int i = 0; i < config_.num_res_blocks; i++) {
      Stage stage;
      stage->add (res_block (channels_, out));
      channels_ = out;
      if (has_attention (side))
        stage->add (AttentionBlock (channels_));
      input_blocks_.push_back (stage);
      lateral_channels_[level].push_back (channels_);
    }
    if (level + 1 < levels) {
      Stage down;
      down->add (res_block (channels_, channels_, Resample::down));
      input_blocks_.push_back (down);
      lateral_channels_[level + 1].push_back (channels_);
      side /= 2;
    }
  }
  torch::nn::ModuleList list;
  for (auto &stage : input_blocks_)
    list->push_back (stage);
  register_module ("input_blocks", list);
}

void
UNetImpl::build_middle ()
{
  middle_in_ = res_block (channels_, channels_);
  middle_out_ = res_block (channels_, channels_);
  torch::nn::ModuleList list;
  list->push_back (middle_in_);
  if (config_.middle_attention) {
    middle_attention_ = AttentionBlock (channels_);
    list->push_back (middle_attention_);
  }
  list->push_back (middle_out_);
  register_module ("middle_block", list);
}

void
UNetImpl::build_output ()
{
  int levels = int (config_.channel_mult.size ());
  int side = (config_.image_size / config_.patch) >> (levels - 1);
  for (int level = levels - 1; level >= 0; level--) {
    int out = config_.channel_mult[level] * config_.model_channels;
    for (int i = 0; i <= config_.num_res_blocks; i++) {
      std::vector<int> &laterals = lateral_channels_[level];
      int lateral = 0;
      if (!laterals.empty ()) {
        lateral = laterals.back ();
        laterals.pop_back ();
      }
      Stage stage;
      stage->add (res_block (channels_ + lateral, out));
      channels_ = out;
      if (has_attention (side))
        stage->add (AttentionBlock (channels_));
      if (level > 0 && i == config_.num_res_blocks) {
        stage->add (res_block (channels_, channels_, Resample::up));
        side *= 2;
      }
      output_blocks_.push_back (stage);
      laterals_.push_back (lateral);
    }
  }
  torch::nn::ModuleList list;
  for (auto &stage : output_blocks_)
    list->push_back (stage);
  register_module ("output_blocks", list);
}

Tensor
UNetImpl::forward (const Tensor &x, const Tensor &t, const Tensor &z)
{
  Tensor patches = to_patches (x, config_.patch).to (type ());
  return forward_patches (patches, t, z).picture;
}

// As Condition has it.
Tensor
UNetImpl::embed_time (const Tensor &t)
{
  const Tensor time = timestep_embedding (t, config_.model_channels);
  return torch::silu (embed_out_ (torch::silu (embed_in_ (time))));
}

UNetImpl::Output
UNetImpl::forward_patches (Tensor h, const Tensor &t, const Tensor &z)
{
  const Condition condition{embed_time (t), torch::silu (z.to (torch::kFloat))};
  Tensor linear; // the picture that z stands for
  if (eigenfaces_) {
    const auto planes = eigenfaces_->decode (z);
    linear = eigenfaces_->picture (planes);
    const Tensor patches = plane_patches (planes, config_.patch).to (h.scalar_type ());
    h = torch::cat ({h, patches.expand ({h.size (0), -1, -1, -1})}, 1)
            .contiguous (at::MemoryFormat::ChannelsLast);
  }
  return draw (input_blocks_[0]->stem () (h), condition, linear);
}

UNetImpl::Start
UNetImpl::prepare (const Tensor &x, const Tensor &t)
{
  Start start;
  const Conv3x3 stem = input_blocks_[0]->stem ();
  const Tensor patches = to_patches (x, config_.patch).to (type ());
  const auto weights = stem->weight.split_with_sizes (
      {patches.size (1), stem->weight.size (1) - patches.size (1)}, 1);
  start.stem = torch::conv2d (patches, weights[0], stem->bias, 1, 1);
  if (eigenfaces_)
    start.plane_stem = plane_stem (weights[1]);
  const Tensor time = embed_time (t);
  for (const auto &module : modules ())
    if (auto *block = module->as<ResBlock> ())
      start.blocks.emplace (block, block->table (time));
  return start;
}

Tensor
UNetImpl::forward_from (const Start &start, const Tensor &z)
{
  const Condition condition{{}, torch::silu (z.to (torch::kFloat)), &start.blocks};
  Tensor h = start.stem.expand ({z.size (0), -1, -1, -1});
  Tensor linear;
  if (eigenfaces_) {
    const auto planes = eigenfaces_->decode (z);
    linear = eigenfaces_->picture (planes);
    Conv3x3 stem = start.plane_stem;
    h = h + stem (plane_patches (planes, config_.patch).to (type ()));
  }
  return draw (h.contiguous (at::MemoryFormat::ChannelsLast), condition, linear).picture;
}

// h: what the stem has made.  `linear`: the picture that the network's own is added to,
// undefined for none.
UNetImpl::Output
UNetImpl::draw (Tensor h, const Condition &condition, const Tensor &linear)
{
  std::vector<Tensor> laterals;
  for (auto &stage : input_blocks_) {
    interruption_point ();
    h = stage->forward_blocks (h, condition);
    laterals.push_back (h);
  }
  h = middle_in_->forward (h, condition);
  if (middle_attention_)
    h = middle_attention_->forward (h);
  h = middle_out_->forward (h, condition);
  for (size_t i = 0; i < output_blocks_.size (); i++) {
    if (laterals_[i] > 0) {
      h = torch::cat ({h, laterals.back ()}, 1);
      laterals.pop_back ();
    }
    interruption_point ();
    h = output_blocks_[i]->forward (h, condition);
  }
  h = norm_modulate_silu (h, out_norm_->weight.to (torch::kFloat).unsqueeze (0),
                          out_norm_->bias.to (torch::kFloat).unsqueeze (0),
                          out_norm_->options.num_groups ());
  Tensor drawn = from_patches (out_conv_ (h), config_.patch).to (torch::kFloat);
  if (linear.defined ())
    drawn = drawn + linear;
  if (!references_)
    return {drawn, {}};
  const auto warped = references_->forward (h);
  return {drawn + warped.share * (warped.picture - drawn), warped};
}

} // namespace daetalker
