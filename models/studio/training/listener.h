// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Hears speech as a stream does, and remembers what it heard: a run that is resumed, or
// a second one on the same footage, need not listen for a quarter of an hour again.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <torch/types.h>

#include "models/io/tensors.h"
#include "models/nn/speech_encoder.h"
#include "models/studio/training/speech_augmenter.h"

namespace daetalker {

class Listener {
public:
  // `encoder`: the folder of a speech encoder.  `memory`: a file, which is of use only
  // to this encoder; written now and then, and by remember ().
  Listener (const std::string &encoder, const std::string &memory);

  // wave: [L] in [-1, 1] -> float32 [ceil(L / hop), F], rounded to half precision.
  torch::Tensor listen (const torch::Tensor &wave);

  // As rooms and lines change it.  That is heard often, so it is cut into longer chunks:
  // a third of the work, and some frames that know more of the future than they will.
  torch::Tensor listen_augmented (const torch::Tensor &wave);

  void remember ();

private:
  torch::Tensor recall (const torch::Tensor &wave, bool augmented);
  torch::Tensor hear (const torch::Tensor &wave, bool augmented);

  const std::string memory_, encoder_hash_;
  std::unique_ptr<SpeechEncoderNet> net_;
  SpeechAugmenter augment_{1};
  TensorMap heard_; // float16, by the samples' SHA-256
  bool news_ = false;
  std::chrono::steady_clock::time_point remembered_ = std::chrono::steady_clock::now ();
};

} // namespace daetalker
