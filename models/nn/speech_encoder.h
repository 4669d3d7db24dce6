// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A speech encoder from its folder: wav2vec 2.0 or HuBERT as Hugging Face writes
// them, or the log-mel front end.
#pragma once

#include "models/nn/speech_config.h"

#include <memory>
#include <string>
#include <torch/torch.h>

namespace daetalker {

// forward() may run in several threads at once.
class SpeechEncoderNet {
public:
  virtual ~SpeechEncoderNet () = default;

  int sampling_rate () const { return sampling_rate_; }
  int hop () const { return hop_; }                     // samples per feature frame
  int hidden_states () const { return hidden_states_; } // to choose `layer` from
  const Window &window () const { return window_; }     // default, in feature frames

  // `layer` as an index: 0 = before the first block, -1 = the last; all_layers
  // stays.  Throws Error (wrong_model) if there is no such layer.
  int resolve_layer (int layer) const;
  // Numbers per feature frame of `layer`.
  int feature_size (int layer) const;

  // wave: [B, L] float32 in [-1, 1], on the encoder's device -> [B, ceil(L / hop),
  // feature_size(layer)] float32.  Frame k describes the samples from k * hop on.
  virtual torch::Tensor forward (const torch::Tensor &wave, int layer) = 0;

  // The log-mel front end computes in float32 whatever the type.
  virtual void to (torch::Device device, torch::ScalarType type) = 0;

protected:
  int sampling_rate_ = 0;
  int hop_ = 0;
  int hidden_states_ = 1;
  int state_size_ = 0;
  Window window_;
  std::string folder_; // for errors

  friend std::unique_ptr<SpeechEncoderNet> make_speech_encoder (const std::string &);
};

// Reads config.json, preprocessor_config.json (if it is there) and, but for
// log-mel, model.safetensors or the shards that model.safetensors.index.json lists.
// Ready for inference, on the CPU, in float32.  Throws Error: not_found, unreadable,
// corrupt, wrong_model.
std::unique_ptr<SpeechEncoderNet> make_speech_encoder (const std::string &folder);

} // namespace daetalker
