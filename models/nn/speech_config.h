// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Configurations of the speech encoders: config.json as Hugging Face writes it,
// and our own model types "log-mel" and "log-mel-conformer".  Free of LibTorch.
#pragma once

#include "models/engine.h"
#include "models/nn/conformer_config.h"

#include <string>
#include <variant>
#include <vector>

namespace daetalker {

// `layer` that asks a speech encoder for all hidden states, one after another
// in each feature frame: [B, T, (blocks + 1) * hidden].
constexpr int all_layers = -2;

// The log-mel front end ("model_type": "log-mel").
struct LogMelConfig {
  int sampling_rate = 16000;
  int num_mel_bins = 80;
  int frame_length = 400;        // samples in an analysis window
  int hop_length = 160;          // samples between analysis windows
  int stack = 2;                 // windows in one feature frame
  bool center = true;            // windows lie about their hop's middle, else end with it
  int fft_length = 1024;         // the spectrum has fft_length / 2 + 1 points
  double min_frequency = 0.0;    // Hz
  double max_frequency = 8000.0; // Hz
  double floor = 1e-6;           // of the mel power, before the (natural) logarithm
  double mean = -4.0;            // subtracted from the logarithm,
  double std = 4.0;              // which is then divided by this

  int hop () const { return hop_length * stack; }
  int feature_size () const { return num_mel_bins * stack; }
};

// Conformer blocks on log-mel ("model_type": "log-mel-conformer"): the keys of
// log-mel, "conformer" with those of ConformerConfig, and "look_ahead".
struct LogMelConformerConfig {
  LogMelConfig log_mel;
  ConformerConfig conformer;
  // What a causal network says of a frame it says so many frames later.
  int look_ahead = 0;

  // Whether a stream can be gone on with: nothing looks at later frames.
  bool is_causal () const
  {
    return conformer.causal && conformer.conv_norm != ConvNorm::group && !log_mel.center;
  }
};

// As config.json holds it.
void to_json (nlohmann::json &json, const LogMelConformerConfig &config);

// wav2vec 2.0 and HuBERT.  Names and defaults as in Hugging Face's
// Wav2Vec2Config and HubertConfig; the defaults are wav2vec2-base.
struct Wav2Vec2Config {
  std::string model_type = "wav2vec2"; // or hubert
  std::vector<int> conv_dim = {512, 512, 512, 512, 512, 512, 512};
  std::vector<int> conv_kernel = {10, 3, 3, 3, 3, 2, 2};
  std::vector<int> conv_stride = {5, 2, 2, 2, 2, 2, 2};
  bool conv_bias = false;
  bool conv_layer_norm = false;     // feat_extract_norm: "layer"; else "group"
  bool feat_proj_layer_norm = true; // HuBERT's switch
  int hidden_size = 768;
  int num_hidden_layers = 12;
  int num_attention_heads = 12;
  int intermediate_size = 3072;
  double layer_norm_eps = 1e-5;
  int num_conv_pos_embeddings = 128;
  int num_conv_pos_embedding_groups = 16;
  bool do_stable_layer_norm = false; // pre-norm

  // preprocessor_config.json
  bool do_normalize = true; // zero mean and unit variance of each utterance
  int sampling_rate = 16000;

  int hop () const;             // samples per feature frame
  int receptive_field () const; // samples that one feature frame sees
};

struct SpeechEncoderConfig {
  std::variant<LogMelConfig, LogMelConformerConfig, Wav2Vec2Config> model;
  Window window; // default, in feature frames
};

// Throws Error (wrong_model: a model type or a feature that is not supported;
// corrupt: values out of range).  `preprocessor`: preprocessor_config.json, an
// empty object where there is none.
SpeechEncoderConfig parse_speech_config (const ConfigReader &config,
                                         const ConfigReader &preprocessor,
                                         const std::string &file);

// config.json and preprocessor_config.json (optional) of `folder`.
SpeechEncoderConfig read_speech_config (const std::string &folder);

} // namespace daetalker
