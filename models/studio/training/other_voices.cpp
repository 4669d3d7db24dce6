// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/other_voices.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>

#include "models/io/tensors.h"
#include "models/studio/progress.h"
#include "models/studio/sound.h"

namespace daetalker {

using torch::Tensor;
namespace fs = std::filesystem;

namespace {

std::vector<fs::path>
sounds_of (const std::string &folder)
{
  std::vector<fs::path> sounds;
  for (const auto &entry : fs::directory_iterator (folder))
    if (entry.is_regular_file () && entry.path ().extension () != ".safetensors")
      sounds.push_back (entry.path ());
  if (sounds.empty ())
    throw Error (ErrorCode::not_found, folder, "there is no sound in it",
                 "Give a folder of speech, with NAME.safetensors beside each sound");
  std::sort (sounds.begin (), sounds.end ());
  return sounds;
}

class Table {
public:
  explicit Table (const fs::path &file) : file_ (file), tensors_ (load_tensors (file_)) {}

  Tensor rows (const std::string &name, int64_t rows, int64_t size) const
  {
    const auto found = tensors_.find (name);
    if (found == tensors_.end () || found->second.dim () != 2 ||
        found->second.size (0) < rows || found->second.size (1) != size)
      throw Error (ErrorCode::wrong_model, file_,
                   "it does not hold " + name + " of [" + std::to_string (rows) + ", " +
                       std::to_string (size) + "]",
                   "Write it again, for this avatar and this sound");
    return found->second.narrow (0, 0, rows).to (torch::kFloat);
  }

private:
  const std::string file_;
  const TensorMap tensors_;
};

// [L] in [-1, 1].
Tensor
wave_of (const std::vector<int16_t> &samples)
{
  return torch::tensor (samples, torch::kShort).to (torch::kFloat) / 32768;
}

// A larger person's by 1 to 5 half tones, or a smaller one's by up to 6, by turns.
// The same ones in every run, so that they are heard once.
double
another_pitch (const Sequence &sequence, int copy)
{
  std::seed_seq seed{int (sequence.first), copy};
  std::mt19937 random (seed);
  const double share = double (random ()) / double (std::mt19937::max ());
  return std::exp2 (copy % 2 == 0 ? -0.1 - 0.28 * share : 0.12 + 0.38 * share);
}

} // namespace

std::vector<Sequence>
augmented_voices (const std::vector<Sequence> &spoken, const std::vector<Tensor> &speech,
                  int copies, const std::function<Tensor (const Tensor &)> &listen)
{
  if (copies == 0)
    return {};
  std::vector<Sequence> result;
  Progress progress ("other pitches", spoken.size ());
  for (size_t i = 0; i < spoken.size (); i++) {
    const auto *samples = speech[i].data_ptr<int16_t> ();
    const std::vector<int16_t> own (samples, samples + speech[i].numel ());
    for (int copy = 0; copy < copies; copy++) {
      Sequence sequence = spoken[i];
      sequence.features =
          listen (wave_of (shift_pitch (own, another_pitch (spoken[i], copy))));
      sequence.features = sequence.features.narrow (0, 0, 2 * sequence.latents.size (0));
      result.push_back (sequence);
    }
    progress.add ();
  }
  return result;
}

std::vector<Sequence>
other_voices (const std::string &folder,
              const std::function<Tensor (const Tensor &)> &listen,
              const Tensor &latent_mean, const Tensor &pose_mean)
{
  const std::vector<fs::path> sounds = sounds_of (folder);
  std::vector<Sequence> result;
  Progress progress ("other voices", sounds.size ());
  for (const fs::path &sound : sounds) {
    const Table table (fs::path (sound).replace_extension (".safetensors"));
    Sequence sequence;
    sequence.features = listen (wave_of (read_sound (sound)));
    const int64_t frames = sequence.features.size (0) / 2;
    sequence.features = sequence.features.narrow (0, 0, 2 * frames);
    sequence.latents = table.rows ("latents", frames, latent_mean.size (0)) + latent_mean;
    sequence.pose = table.rows ("pose", frames, 3) + pose_mean;
    sequence.lips = table.rows ("lips", frames, 40);
    result.push_back (sequence);
    progress.add ();
  }
  return result;
}

} // namespace daetalker
