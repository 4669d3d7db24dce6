// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Speech features of a whole recording as a stream gives them.
#pragma once

#include "models/engine.h"
#include "models/nn/speech_encoder.h"

#include <functional>
#include <torch/types.h>
#include <vector>

namespace daetalker {

// As a stream of `net` with its `window` gives them, the last hidden state of `samples`:
// [ceil(samples / hop), F].
torch::Tensor streamed_features (SpeechEncoderNet &net, const Window &window,
                                 const std::vector<float> &samples);

// Cuts `samples` as the run time does (`window` in feature frames of `hop` samples)
// and joins what is kept: [ceil(samples / hop), F].  `forward`: [B, L] float32 ->
// [B, ceil(L / hop), F]; equal windows go through it together.
torch::Tensor
windowed_features (const std::function<torch::Tensor (const torch::Tensor &)> &forward,
                   const Window &window, int hop, const std::vector<float> &samples);

} // namespace daetalker
