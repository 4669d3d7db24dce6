// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Speech as microphones, rooms, lines and neighbours change it, so that a network
// learns to hear through them.
#pragma once

#include <torch/types.h>

namespace daetalker {

class SpeechAugmenter {
public:
  explicit SpeechAugmenter (uint64_t seed);

  // waves: [B, L] float32 at 16 kHz.  Each row for itself gets, by chance: another
  // frequency response, the telephone's band (300 to 3400 Hz), reverberation of 0.1
  // to 0.5 s, another row as a voice behind it (B > 1), noise 3 to 30 dB below it,
  // and a gain of -18 to +6 dB.  Nothing is moved in time.
  torch::Tensor operator() (const torch::Tensor &waves);

private:
  torch::Tensor uniform (int64_t rows, double low, double high); // [rows, 1]
  torch::Tensor happens (int64_t rows, double probability);      // [rows, 1] of 0 or 1
  torch::Tensor response (int64_t rows, int64_t points);         // [rows, points]
  torch::Tensor echoes (int64_t rows, int64_t length);           // [rows, length]
  torch::Tensor noise (int64_t rows, int64_t length);            // power 1

  at::Generator generator_;
};

} // namespace daetalker
