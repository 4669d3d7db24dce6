// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The shape of a stack of Conformer blocks.  Free of LibTorch.
#pragma once

#include "models/nn/config.h"

#include <nlohmann/json.hpp>

namespace daetalker {

// Normalisation after the depthwise convolution.  `layer` looks at one frame
// alone: it trains in small batches and does not change with the window.
enum class ConvNorm { batch, layer, group };

// The defaults are the blocks of DAE-Talker's group (ESPnet's Encoder as in
// DiffDub's speech2latent and AniTalker), except for `conv_norm` (theirs: batch).
struct ConformerConfig {
  int size = 512;         // width D
  int heads = 2;          // divides size
  int feed_forward = 512; // inner width
  int kernel = 13;        // of the depthwise convolution, odd
  int blocks = 4;
  double dropout = 0.2;
  bool pre_norm = false;          // norm before each part, else after its residual sum
  bool relative_positions = true; // Transformer-XL attention, else no positions at all
  bool scale_input = true;        // x * sqrt(D) before the first block
  bool macaron = true;            // two half-step feed-forwards, else one whole after
  bool convolution_first = false; // convolution before attention
  bool conv_bias = true;
  bool causal = false; // attention and convolution see no later frame
  ConvNorm conv_norm = ConvNorm::layer;
  double eps = 1e-12; // of the LayerNorms of the five parts
};

// torchaudio.models.Conformer; `conv_bias` is false in its older versions.
ConformerConfig torchaudio_conformer ();
// espnet.nets.pytorch_backend.conformer.encoder.Encoder with normalize_before
// false, rel_pos and rel_selfattn, as published by DiffDub.
ConformerConfig espnet_conformer ();

// JSON keys are the field names; absent keys keep the defaults above.
void to_json (nlohmann::json &json, const ConformerConfig &config);

// Throws Error (corrupt) for values of a wrong type or out of range.
ConformerConfig parse_conformer_config (const ConfigReader &reader);

// How many weights so many blocks have, to refuse absurd ones.
double conformer_weights (const ConformerConfig &config);

} // namespace daetalker
