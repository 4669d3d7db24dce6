// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A small streaming speech encoder, taught by the hidden states of a large one that
// hears whole utterances.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "models/nn/speech_config.h"
#include "models/studio/training/taught_speech.h"

namespace daetalker {

struct EncoderTraining {
  LogMelConformerConfig network;
  Window window{28, 2, 2};     // at run time, in frames of 20 ms
  int batch = 16;              // windows
  int long_kept = 80;          // frames that count of each window, at first
  int short_kept = 8;          // and later
  double long_share = 0.6;     // of the minutes that "at first" lasts
  double minutes = 60;         // over all resumed runs
  double learning_rate = 1e-3; // falls to a twentieth along a cosine
  double checkpoint_minutes = 3;
  uint64_t seed = 1;

  EncoderTraining ();
};

// Trains until `minutes` are used up.  The student hears the speech as rooms, lines and
// neighbours change it (SpeechAugmenter), the teacher heard it clean.  Long windows teach
// fast, short ones as at run time: with no more future than the window's right context.
// Writes into the folder `encoder`:
//   config.json, model.safetensors   what the engine reads, averaged weights, float16
// and into `encoder`.work the state that resuming needs, and its log (TrainLog).
// Returns the figures on the recordings held out: "explained_variance", of the
// teacher's normalised states by a linear map of the streamed features.
nlohmann::json train_encoder (const TaughtCorpus &corpus, const std::string &encoder,
                              const EncoderTraining &options);

} // namespace daetalker
