// SPDX-License-Identifier: LGPL-2.1-or-later
//
// wav2vec 2.0 (Baevski et al. 2020) and HuBERT, with the arithmetic and the weight
// names of Hugging Face's modeling_wav2vec2.py and modeling_hubert.py: base (group
// norm, post-norm) and large (layer norm, pre-norm).
#pragma once

#include "models/io/tensors.h"
#include "models/nn/speech_config.h"

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

namespace daetalker {

class TransformerLayerImpl : public torch::nn::Module {
public:
  explicit TransformerLayerImpl (const Wav2Vec2Config &config);
  torch::Tensor forward (torch::Tensor x); // [B, T, D] -> [B, T, D]

private:
  torch::Tensor attend (const torch::Tensor &x);
  torch::Tensor feed_forward (const torch::Tensor &x);

  int64_t heads_;
  bool pre_norm_;
  torch::nn::Linear q_{nullptr}, k_{nullptr}, v_{nullptr}, out_{nullptr};
  torch::nn::Linear intermediate_{nullptr}, output_{nullptr};
  torch::nn::LayerNorm layer_norm_{nullptr}, final_layer_norm_{nullptr};
};
TORCH_MODULE (TransformerLayer);

// The weight norm of the positional convolution is folded: the one parameter
// encoder.pos_conv_embed.conv.weight stands for the file's two.
class Wav2Vec2Impl : public torch::nn::Module {
public:
  explicit Wav2Vec2Impl (const Wav2Vec2Config &config);

  // wave: [B, L] float32, mono, of config's sampling rate -> hidden state `layer`
  // (0 = before the first block ... num_hidden_layers = the last, after the encoder's
  // own norm where that comes last; all_layers = all of them side by side) [B, ceil(L /
  // hop), D] in the type of the weights.  Each wave is normalised over its length if
  // do_normalize says so, then continued by zeros to the end of the last frame's
  // receptive field (80 samples for whole frames).
  torch::Tensor forward (const torch::Tensor &wave, int layer);

private:
  struct ConvLayer {
    torch::nn::Conv1d conv{nullptr};
    torch::nn::GroupNorm group_norm{nullptr}; // at most one of the norms is set
    torch::nn::LayerNorm layer_norm{nullptr};
  };

  torch::Tensor prepare (const torch::Tensor &wave) const; // -> [B, 1, L'], float32
  torch::Tensor extract (torch::Tensor x);                 // -> [B, T, conv_dim]
  torch::Tensor add_positions (const torch::Tensor &x);

  Wav2Vec2Config config_;
  std::vector<ConvLayer> conv_layers_;
  torch::nn::LayerNorm projection_norm_{nullptr}, encoder_norm_{nullptr};
  torch::nn::Linear projection_{nullptr};
  torch::nn::Conv1d positional_{nullptr};
  torch::nn::ModuleList layers_;
};
TORCH_MODULE (Wav2Vec2);

// The tensors of a checkpoint as Wav2Vec2 names them: without the prefix
// `wav2vec2.` or `hubert.`, without heads and the mask vector, the weight norm (in
// either spelling: weight_g and weight_v, or parametrizations.weight.original0 and
// original1) folded.  `file` is named in errors.  Throws Error (wrong_model) if the
// weight norm is not there.
TensorMap import_wav2vec2 (const TensorMap &checkpoint, const std::string &file);

} // namespace daetalker
