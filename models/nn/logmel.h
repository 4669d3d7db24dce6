// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Log-mel filterbank: a speech encoder without weights.
#pragma once

#include "models/nn/speech_config.h"

#include <torch/types.h>

namespace daetalker {

// Triangular filters, evenly spaced and of height 1 on the HTK mel scale
// m = 2595 log10(1 + f / 700), over a Hann-windowed power spectrum.  Analysis
// window j of feature frame k is centred on sample k*hop + (j + 1/2)*hop_length,
// so that a frame reaches (frame_length - hop_length) / 2 samples into either
// neighbour; without `center` it ends with sample k*hop + (j + 1)*hop_length, and
// hears nothing that comes later.  Beyond the ends of the wave there is silence.
// Nothing depends on the utterance as a whole: chunks with one frame of context on each
// side give exactly the features of the whole.
class LogMel {
public:
  explicit LogMel (const LogMelConfig &config);

  // wave [B, L] float32 -> [B, ceil(L / hop), num_mel_bins * stack] float32, of
  // about unit size for speech.
  // `past`, without `center`: the samples before the wave, undefined for silence; those
  // before the next wave afterwards.  All waves but a stream's last are whole frames.
  torch::Tensor forward (const torch::Tensor &wave, torch::Tensor *past = nullptr) const;

  void to (torch::Device device);

private:
  LogMelConfig config_;
  torch::Tensor spectrum_; // [frame_length, 2 * points]: window times DFT, cos then sin
  torch::Tensor filters_;  // [points, num_mel_bins]
};

} // namespace daetalker
