// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A speech encoder for live use: Conformer blocks on log-mel.  What wav2vec 2.0
// learns in its seven convolutions is given here, so that a small network can be
// trained in hours.
#pragma once

#include "models/nn/conformer.h"
#include "models/nn/logmel.h"
#include "models/nn/speech_config.h"

namespace daetalker {

// Parameters: projection.{weight,bias} (log-mel to width), conformer.*
class LogMelConformerImpl : public torch::nn::Module {
public:
  explicit LogMelConformerImpl (const LogMelConformerConfig &config);

  // wave [B, L] float32 -> [B, ceil(L / hop), conformer.size] float32.  A frame sees
  // all of the wave: what is live is cut into windows (config.json's
  // daetalker_window).
  torch::Tensor forward (const torch::Tensor &wave);

  // The log-mel front end too, which stays in float32.
  void to_device (torch::Device device);

private:
  LogMel log_mel_;
  torch::nn::Linear projection_{nullptr};
  Conformer conformer_{nullptr};
};
TORCH_MODULE (LogMelConformer);

} // namespace daetalker
