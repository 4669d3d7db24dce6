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
  // daetalker_window).  Of a causal network a frame sees `left` frames back in each
  // block (all, if that is negative), and look_ahead frames of what is to come, which
  // is silence beyond the end.
  torch::Tensor forward (const torch::Tensor &wave, int64_t left = -1);

  // What a stream keeps, so that each of its frames is computed once.
  struct Past {
    torch::Tensor samples; // LogMel's
    ConformerImpl::Past conformer;
    int64_t early = 0; // frames still to come that describe what was before the stream
  };

  // Of a stream's start.  Causal networks only.
  Past new_past (int64_t left) const;

  // wave: the next frames of a stream, whole ones -> the features of the frames that
  // they complete, which are look_ahead fewer at the stream's start.  The same as
  // forward() of the whole.
  torch::Tensor go_on (const torch::Tensor &wave, Past &past);

  // The log-mel front end too, which stays in float32.
  void to_device (torch::Device device);

private:
  torch::Tensor project (const torch::Tensor &mel);

  const LogMelConformerConfig config_;
  LogMel log_mel_;
  RowLinear projection_{nullptr};
  Conformer conformer_{nullptr};
};
TORCH_MODULE (LogMelConformer);

} // namespace daetalker
