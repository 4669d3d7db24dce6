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
  std::string init;    // folder of an encoder of this shape to begin with, or empty
  int left = 50;       // frames of 20 ms that a frame looks back in each block
  int batch = 16;      // segments
  int segment = 150;   // frames
  double minutes = 60; // over all resumed runs
  double learning_rate = 1e-3; // falls to a twentieth along a cosine
  double checkpoint_minutes = 3;
  uint64_t seed = 1;

  EncoderTraining ();
};

// Trains until `minutes` are used up.  The student hears the speech as rooms, lines and
// neighbours change it (SpeechAugmenter), the teacher heard it clean.  It sees no later
// frame but the network's look_ahead, so that every frame of a segment is heard as at run
// time; those at its begin know little, as those at a stream's do.
// Writes into the folder `encoder`:
//   config.json, model.safetensors   what the engine reads, averaged weights, float16
// and into `encoder`.work the state that resuming needs, and its log (TrainLog).
// Returns the figures on the recordings held out: "explained_variance", of the
// teacher's normalised states by a linear map of the streamed features.
nlohmann::json train_encoder (const TaughtCorpus &corpus, const std::string &encoder,
                              const EncoderTraining &options);

} // namespace daetalker
