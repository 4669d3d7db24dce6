// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/taught_speech.h"

#include <algorithm>
#include <filesystem>

#include "models/engine.h"
#include "models/io/tensors.h"
#include "models/studio/progress.h"
#include "models/studio/sound.h"

namespace daetalker {

using torch::Tensor;
namespace fs = std::filesystem;

namespace {

constexpr int64_t samples_per_row = 320;
constexpr size_t hold_out_every = 40;

Tensor
read_states (const std::string &file, int64_t samples)
{
  TensorMap tensors = load_tensors (file);
  const auto found = tensors.find ("hidden_states");
  if (found == tensors.end () || found->second.dim () != 2 ||
      !found->second.is_floating_point ())
    throw Error (ErrorCode::wrong_model, file,
                 "it does not hold hidden_states of [rows, size]",
                 "Write it with tools/whisper_hidden_states.py");
  const int64_t rows = (samples + samples_per_row - 1) / samples_per_row;
  if (found->second.size (0) != rows)
    throw Error (ErrorCode::wrong_model, file,
                 "it has " + std::to_string (found->second.size (0)) +
                     " rows and the sound is " + std::to_string (rows) + " long",
                 "The sound has changed: remove this file and write it again");
  if (!found->second.to (torch::kFloat).isfinite ().all ().item<bool> ())
    throw Error (ErrorCode::corrupt, file, "it holds NaN or infinity",
                 "Remove it and write it again");
  return found->second;
}

// Fills mean and std, row by row of all recordings.
void
measure (TaughtCorpus &corpus)
{
  const int64_t size = corpus.training.front ().states.size (1);
  Tensor sum = torch::zeros ({size}, torch::kDouble), squares = sum.clone ();
  double rows = 0;
  for (const TaughtSpeech &speech : corpus.training) {
    const Tensor states = speech.states.to (torch::kDouble);
    sum += states.sum (0);
    squares += states.square ().sum (0);
    rows += double (states.size (0));
    corpus.hours += double (speech.samples.size (0)) / 16000 / 3600;
  }
  const Tensor mean = sum / rows;
  corpus.mean = mean.to (torch::kFloat);
  corpus.std =
      (squares / rows - mean.square ()).clamp_min (1e-8).sqrt ().to (torch::kFloat);
}

} // namespace

TaughtCorpus
read_taught_corpus (const std::string &speech, const std::string &teacher,
                    int *without_teacher)
{
  std::vector<fs::path> sounds;
  if (fs::is_directory (speech))
    for (const auto &entry : fs::directory_iterator (speech))
      if (entry.is_regular_file ())
        sounds.push_back (entry.path ());
  std::sort (sounds.begin (), sounds.end ());

  TaughtCorpus corpus;
  int without = 0;
  size_t count = 0;
  Progress progress ("speech", sounds.size ());
  for (const fs::path &path : sounds) {
    progress.add (1);
    const fs::path states =
        fs::path (teacher) / (path.stem ().string () + ".safetensors");
    if (!fs::exists (states)) {
      without++;
      continue;
    }
    const std::vector<int16_t> samples = read_sound (path.string ());
    TaughtSpeech taught;
    taught.name = path.stem ();
    taught.states = read_states (states.string (), int64_t (samples.size ()));
    taught.samples = torch::tensor (samples, torch::kShort);
    auto &part = ++count % hold_out_every == 0 ? corpus.held_out : corpus.training;
    part.push_back (std::move (taught));
  }
  if (without_teacher)
    *without_teacher = without;
  if (corpus.training.empty ())
    throw Error (
        ErrorCode::not_found, speech, "no sound in it has hidden states in " + teacher,
        "Collect speech with tools/collect-speech and its teacher's hidden states "
        "with tools/whisper_hidden_states.py");
  for (const auto *part : {&corpus.training, &corpus.held_out})
    for (const TaughtSpeech &taught : *part)
      if (taught.states.size (1) != corpus.training.front ().states.size (1))
        throw Error (ErrorCode::wrong_model, teacher,
                     "the states of " + taught.name + " have another size than others'",
                     "Write all of them with the same model");
  measure (corpus);
  return corpus;
}

} // namespace daetalker
