// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/wav2vec2.h"

#include "models/nn/exact_norm.h"
#include "models/nn/interruption.h"

#include <cmath>

namespace daetalker {

namespace nn = torch::nn;

static nn::LayerNorm
make_norm (int size, double eps)
{
  return nn::LayerNorm (nn::LayerNormOptions ({size}).eps (eps));
}

// A level of the dotted names that has no arithmetic of its own.
static std::shared_ptr<nn::Module>
add_level (nn::Module &parent, const char *name)
{
  return parent.register_module (name, std::make_shared<nn::Module> ());
}

// ---- transformer layer --------------------------------------------------------

TransformerLayerImpl::TransformerLayerImpl (const Wav2Vec2Config &config)
    : heads_ (config.num_attention_heads), pre_norm_ (config.do_stable_layer_norm)
{
  const int size = config.hidden_size;
  const int inner = config.intermediate_size;
  const auto attention = add_level (*this, "attention");
  q_ = attention->register_module ("q_proj", nn::Linear (size, size));
  k_ = attention->register_module ("k_proj", nn::Linear (size, size));
  v_ = attention->register_module ("v_proj", nn::Linear (size, size));
  out_ = attention->register_module ("out_proj", nn::Linear (size, size));
  layer_norm_ = register_module ("layer_norm", make_norm (size, config.layer_norm_eps));
  const auto feed_forward = add_level (*this, "feed_forward");
  intermediate_ =
      feed_forward->register_module ("intermediate_dense", nn::Linear (size, inner));
  output_ = feed_forward->register_module ("output_dense", nn::Linear (inner, size));
  final_layer_norm_ =
      register_module ("final_layer_norm", make_norm (size, config.layer_norm_eps));
}

torch::Tensor
TransformerLayerImpl::attend (const torch::Tensor &x)
{
  const int64_t head_size = x.size (2) / heads_;
  const auto split = [&] (const torch::Tensor &h) {
    return h.view ({x.size (0), x.size (1), heads_, head_size}).transpose (1, 2);
  };
  const double scale = 1.0 / std::sqrt (static_cast<double> (head_size));
  const auto scores =
      torch::matmul (split (q_ (x) * scale), split (k_ (x)).transpose (2, 3));
  // In float32: LibTorch 1.13's bfloat16 softmax is slower than the way there and back.
  const auto weights = torch::softmax (scores, -1, torch::kFloat32).to (x.scalar_type ());
  const auto heads = torch::matmul (weights, split (v_ (x)));
  return out_ (heads.transpose (1, 2).reshape (x.sizes ()));
}

torch::Tensor
TransformerLayerImpl::feed_forward (const torch::Tensor &x)
{
  return output_ (torch::gelu (intermediate_ (x)));
}

torch::Tensor
TransformerLayerImpl::forward (torch::Tensor x)
{
  if (pre_norm_) {
    x = x + attend (exact_norm (layer_norm_, x));
    return x + feed_forward (exact_norm (final_layer_norm_, x));
  }
  x = exact_norm (layer_norm_, x + attend (x));
  return exact_norm (final_layer_norm_, x + feed_forward (x));
}

// ---- network ------------------------------------------------------------------

Wav2Vec2Impl::Wav2Vec2Impl (const Wav2Vec2Config &config) : config_ (config)
{
  const auto extractor = add_level (*this, "feature_extractor");
  const auto conv_layers = add_level (*extractor, "conv_layers");
  int in = 1;
  for (std::size_t i = 0; i < config.conv_dim.size (); i++) {
    const int out = config.conv_dim[i];
    const auto level = add_level (*conv_layers, std::to_string (i).c_str ());
    ConvLayer layer;
    layer.conv = level->register_module (
        "conv", nn::Conv1d (nn::Conv1dOptions (in, out, config.conv_kernel[i])
                                .stride (config.conv_stride[i])
                                .bias (config.conv_bias)));
    if (config.conv_layer_norm)
      layer.layer_norm = level->register_module ("layer_norm", make_norm (out, 1e-5));
    else if (i == 0)
      layer.group_norm = level->register_module (
          "layer_norm", nn::GroupNorm (nn::GroupNormOptions (out, out)));
    conv_layers_.push_back (layer);
    in = out;
  }

  const int size = config.hidden_size;
  const auto projection = add_level (*this, "feature_projection");
  if (config.feat_proj_layer_norm)
    projection_norm_ =
        projection->register_module ("layer_norm", make_norm (in, config.layer_norm_eps));
  projection_ = projection->register_module ("projection", nn::Linear (in, size));

  const auto encoder = add_level (*this, "encoder");
  positional_ =
      add_level (*encoder, "pos_conv_embed")
          ->register_module (
              "conv",
              nn::Conv1d (nn::Conv1dOptions (size, size, config.num_conv_pos_embeddings)
                              .padding (config.num_conv_pos_embeddings / 2)
                              .groups (config.num_conv_pos_embedding_groups)));
  encoder_norm_ =
      encoder->register_module ("layer_norm", make_norm (size, config.layer_norm_eps));
  encoder->register_module ("layers", layers_);
  for (int i = 0; i < config.num_hidden_layers; i++)
    layers_->push_back (TransformerLayer (config));
}

torch::Tensor
Wav2Vec2Impl::prepare (const torch::Tensor &wave) const
{
  auto x = wave;
  if (config_.do_normalize) {
    const auto centred = x - x.mean (1, true);
    x = centred / (centred.square ().mean (1, true) + 1e-7).sqrt ();
  }
  const int64_t frames = (wave.size (1) + config_.hop () - 1) / config_.hop ();
  const int64_t length = (frames - 1) * config_.hop () + config_.receptive_field ();
  return torch::constant_pad_nd (x, {0, length - wave.size (1)}).unsqueeze (1);
}

torch::Tensor
Wav2Vec2Impl::extract (torch::Tensor x)
{
  const auto type = projection_->weight.scalar_type ();
  for (auto &layer : conv_layers_) {
    interruption_point ();
    if (!layer.group_norm.is_empty ()) {
      // In float32 whatever the type: its one input channel makes this all memory, and
      // the norm would convert anyway.
      const auto &conv = *layer.conv;
      const auto bias = conv.bias.defined () ? conv.bias.to (torch::kFloat32) : conv.bias;
      x = torch::conv1d (x, conv.weight.to (torch::kFloat32), bias,
                         conv.options.stride ());
      x = exact_norm (layer.group_norm, x).to (type);
    } else {
      x = layer.conv (x.to (type));
    }
    if (!layer.layer_norm.is_empty ())
      x = exact_norm (layer.layer_norm, x.transpose (1, 2)).transpose (1, 2);
    x = torch::gelu (x);
  }
  return x.transpose (1, 2);
}

// oneDNN, as LibTorch 2.11 has it, computes bfloat16 convolutions of groups of 8 channels
// wrongly on a CPU with AMX (by 0.7 of what comes out); of 48, as published models have,
// it does not.  In float32 those are right, and too small to take long.
static torch::Tensor
grouped_conv (nn::Conv1d &conv, const torch::Tensor &x)
{
  constexpr int64_t enough_channels = 16;
  if (!x.is_cpu () || conv->weight.size (1) >= enough_channels)
    return conv (x);
  return torch::conv1d (x.to (torch::kFloat32), conv->weight.to (torch::kFloat32),
                        conv->bias.to (torch::kFloat32), 1, conv->weight.size (2) / 2, 1,
                        conv->options.groups ())
      .to (x.scalar_type ());
}

torch::Tensor
Wav2Vec2Impl::add_positions (const torch::Tensor &x)
{
  // An even kernel gives one frame more than it was given: the last is dropped.
  const auto positions =
      grouped_conv (positional_, x.transpose (1, 2)).narrow (2, 0, x.size (1));
  return x + torch::gelu (positions).transpose (1, 2);
}

torch::Tensor
Wav2Vec2Impl::forward (const torch::Tensor &wave, int layer)
{
  const auto type = projection_->weight.scalar_type ();
  const int64_t last = layer == all_layers ? config_.num_hidden_layers : layer;
  if (wave.size (1) == 0) {
    const int64_t states = layer == all_layers ? last + 1 : 1;
    return wave.new_zeros ({wave.size (0), 0, states * config_.hidden_size}).to (type);
  }

  auto x = extract (prepare (wave));
  if (!projection_norm_.is_empty ())
    x = exact_norm (projection_norm_, x);
  x = add_positions (projection_ (x));
  if (!config_.do_stable_layer_norm)
    x = exact_norm (encoder_norm_, x);

  std::vector<torch::Tensor> states = {x};
  for (int64_t i = 0; i < last; i++) {
    interruption_point ();
    x = layers_[i]->as<TransformerLayer> ()->forward (x);
    if (config_.do_stable_layer_norm && i + 1 == config_.num_hidden_layers)
      x = exact_norm (encoder_norm_, x);
    if (layer == all_layers)
      states.push_back (x);
  }
  return layer == all_layers ? torch::cat (states, 2) : x;
}

// ---- checkpoints --------------------------------------------------------------

TensorMap
import_wav2vec2 (const TensorMap &checkpoint, const std::string &file)
{
  TensorMap tensors = checkpoint;
  for (const char *prefix : {"wav2vec2.", "hubert."})
    if (auto inner = without_prefix (checkpoint, prefix); !inner.empty ())
      tensors = std::move (inner);
  tensors.erase ("masked_spec_embed");

  const std::string conv = "encoder.pos_conv_embed.conv.";
  const std::pair<const char *, const char *> spellings[] = {
      {"weight_g", "weight_v"},
      {"parametrizations.weight.original0", "parametrizations.weight.original1"}};
  for (const auto &[magnitude, direction] : spellings) {
    const auto g = tensors.find (conv + magnitude);
    const auto v = tensors.find (conv + direction);
    if (g == tensors.end () || v == tensors.end ())
      continue;
    if (v->second.dim () != 3 || g->second.numel () != v->second.size (2))
      break;
    // One magnitude for each tap: the norm is over all dimensions but the last.
    const auto weight =
        torch::_weight_norm (v->second.to (torch::kFloat32),
                             g->second.to (torch::kFloat32).reshape ({1, 1, -1}), 2);
    tensors.erase (g);
    tensors.erase (v);
    tensors.emplace (conv + "weight", weight);
    return tensors;
  }
  throw Error (ErrorCode::wrong_model, file,
               "it holds no weight norm of the positional convolution (\"" + conv +
                   "weight_g\" and \"weight_v\", one magnitude for each tap)",
               "Take a model of the type that config.json names");
}

} // namespace daetalker
