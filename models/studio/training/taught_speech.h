// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Speech with what a teacher makes of it.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

namespace daetalker {

// One recording.
struct TaughtSpeech {
  std::string name;
  torch::Tensor samples; // int16 [n], 16 kHz
  torch::Tensor states;  // float16 [ceil(n / 320), D]: the teacher's hidden states
};

struct TaughtCorpus {
  std::vector<TaughtSpeech> training, held_out; // one recording in 40 is held out
  torch::Tensor mean, std;                      // [D] of the teacher's states
  double hours = 0;                             // of training
};

// Every sound file NAME.* of `speech` that has a `teacher`/NAME.safetensors with the
// tensor `hidden_states` [ceil(n / 320), D]; `without_teacher`, if not null, counts
// the others.  Throws Error: not_found (nothing to train on), wrong_model (rows that
// do not fit the sound, sizes that differ between files), corrupt (NaN), and what
// read_sound throws.
TaughtCorpus read_taught_corpus (const std::string &speech, const std::string &teacher,
                                 int *without_teacher = nullptr);

} // namespace daetalker
