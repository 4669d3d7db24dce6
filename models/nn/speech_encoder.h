// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A speech encoder from its folder: wav2vec 2.0 or HuBERT as Hugging Face writes
// them, or the log-mel front end.
#pragma once

#include "models/nn/speech_config.h"

#include <cstdint>
#include <memory>
#include <string>
#include <torch/types.h>

namespace daetalker {

// Speech of one stream, each frame of which is computed once.
class SpeechEncoderStream {
public:
  virtual ~SpeechEncoderStream () = default;

  // wave: [1, L] of whole frames, the stream's next -> [1, F, feature_size] float32 of
  // the frames that they complete: look_ahead fewer at the stream's start.
  virtual torch::Tensor go_on (const torch::Tensor &wave) = 0;
};

// forward() may run in several threads at once, and streams beside it.
class SpeechEncoderNet {
public:
  virtual ~SpeechEncoderNet () = default;

  int sampling_rate () const { return sampling_rate_; }
  int hop () const { return hop_; }                     // samples per feature frame
  int hidden_states () const { return hidden_states_; } // to choose `layer` from
  const Window &window () const { return window_; }     // default, in feature frames
  // Frames of the future that a stream's frame waits for, whatever the window.
  int look_ahead () const { return look_ahead_; }

  // `layer` as an index: 0 = before the first block, -1 = the last; all_layers
  // stays.  Throws Error (wrong_model) if there is no such layer.
  int resolve_layer (int layer) const;
  // Numbers per feature frame of `layer`.
  int feature_size (int layer) const;

  // wave: [B, L] float32 in [-1, 1], on the encoder's device -> [B, ceil(L / hop),
  // feature_size(layer)] float32.  Frame k describes the samples from k * hop on.
  virtual torch::Tensor forward (const torch::Tensor &wave, int layer) = 0;

  // A stream whose frames look `left` frames back; nothing if this network looks at
  // later frames, so that each window must be computed by itself.  Must not outlive the
  // encoder.
  virtual std::unique_ptr<SpeechEncoderStream> open_stream (int64_t /*left*/)
  {
    return nullptr;
  }

  // In its parameters.
  virtual std::int64_t numbers () const = 0;

  // The log-mel front end computes in float32 whatever the type.
  virtual void to (torch::Device device, torch::ScalarType type) = 0;

protected:
  int sampling_rate_ = 0;
  int hop_ = 0;
  int hidden_states_ = 1;
  int state_size_ = 0;
  int look_ahead_ = 0;
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
