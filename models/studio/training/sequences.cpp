// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/sequences.h"

#include <cmath>
#include <optional>
#include <random>

#include "models/engine/chunker.h"
#include "models/io/tensors.h"
#include "models/nn/precision.h"
#include "models/nn/semantic_encoder.h"
#include "models/nn/speech_encoder.h"
#include "models/nn/weights.h"
#include "models/studio/progress.h"
#include "models/studio/training/frame_latents.h"

namespace daetalker {

using torch::Tensor;

namespace {

// How a clip is heard.  Pitch and formants move with the rate, so that other voices
// are not quite new; mouths stay shut in noise.
struct Hearing {
  double rate = 1;
  double gain = 1;
  std::optional<double> noise_db; // of the noise, below the speech
};

const std::vector<Hearing> hearings = {
    {}, {0.86, 0.5, 22.0}, {0.94, 1.4, 10.0}, {1.07, 0.25, 16.0}, {1.16, 1.0, 28.0}};

Tensor
all_latents (const FrameStore &store, const std::string &autoencoder)
{
  Metadata metadata;
  TensorMap weights = load_tensors (autoencoder, &metadata);
  auto config = nlohmann::json::parse (metadata.at ("network")).get<AutoencoderConfig> ();
  SemanticEncoder encoder (config.encoder);
  load_weights (*encoder, without_prefix (weights, "encoder."), autoencoder);
  torch::ScalarType type = has_fast_bfloat16 () ? torch::kBFloat16 : torch::kFloat;
  convert_convolutions (*encoder, type);
  encoder->eval ();
  return frame_latents (encoder, store);
}

// Features as a stream gives them, chunk by chunk; equal windows go through the
// network together.
Tensor
streamed_features (SpeechEncoderNet &net, const std::vector<float> &samples)
{
  Chunker chunker (net.window (), 1, net.hop (), Chunker::Tail::zeros);
  chunker.push (samples.data (), samples.size ());
  chunker.finish ();
  std::vector<Tensor> result, waves;
  int64_t from = 0, to = 0; // frames that are kept of each window
  const auto compute = [&] {
    if (!waves.empty ())
      result.push_back (
          net.forward (torch::stack (waves), -1).slice (1, from, to).flatten (0, 1));
    waves.clear ();
  };
  Chunk chunk;
  const float *rows = nullptr;
  size_t count = 0;
  while (chunker.next (chunk, rows, count)) {
    const int64_t left = chunk.begin - chunk.window_begin;
    const int64_t right = chunk.end - chunk.window_begin;
    if (left != from || right != to ||
        (!waves.empty () && waves.back ().size (0) != int64_t (count)))
      compute ();
    from = left;
    to = right;
    waves.push_back (
        torch::from_blob (const_cast<float *> (rows), {int64_t (count)}).clone ());
  }
  compute ();
  return torch::cat (result);
}

// [frames, n] read at `rate` times the speed; linear between frames.
Tensor
at_rate (const Tensor &rows, double rate, int64_t frames)
{
  Tensor position = (torch::arange (frames, torch::kFloat) * rate)
                        .clamp_max (float (rows.size (0) - 1));
  Tensor below = position.floor ();
  Tensor share = (position - below).unsqueeze (1);
  Tensor first = rows.index_select (0, below.to (torch::kLong));
  Tensor second = rows.index_select (
      0, (below + 1).clamp_max (float (rows.size (0) - 1)).to (torch::kLong));
  return first * (1 - share) + second * share;
}

// Noise whose spectrum falls more or less steeply is added before the gain.
std::vector<float>
heard (const std::vector<int16_t> &speech, const Hearing &hearing, std::mt19937 &random)
{
  const size_t count = size_t (double (speech.size ()) / hearing.rate);
  std::vector<float> result (count);
  double power = 0;
  for (size_t i = 0; i < count; i++) {
    const double position = double (i) * hearing.rate;
    const size_t below = size_t (position);
    const size_t above = std::min (below + 1, speech.size () - 1);
    const double share = position - double (below);
    result[i] = float ((speech[below] * (1 - share) + speech[above] * share) / 32768);
    power += double (result[i]) * result[i];
  }
  if (hearing.noise_db) {
    const double level =
        std::sqrt (power / double (count)) * std::pow (10, -*hearing.noise_db / 20);
    const double slope = std::uniform_real_distribution<double> (0, 0.95) (random);
    std::normal_distribution<double> normal (0, std::sqrt (1 - slope * slope));
    double noise = 0;
    for (float &sample : result) {
      noise = slope * noise + normal (random);
      sample += float (level * noise);
    }
  }
  for (float &sample : result)
    sample *= float (hearing.gain);
  return result;
}

// Index of the row nearest to the rows' mean.
int64_t
middle_row (const Tensor &rows)
{
  return (rows - rows.mean (0, true)).pow (2).sum (1).argmin ().item<int64_t> ();
}

Pose
to_pose (const Tensor &row)
{
  return {row[0].item<float> (), row[1].item<float> (), row[2].item<float> ()};
}

// Mouths are shut and lips at rest in the silence before each sentence; the real
// frame nearest to the mean of those of the anchor's look.
void
find_rest (SequenceSet &set)
{
  constexpr int64_t silent = 5;
  std::vector<Tensor> latents, poses;
  for (const Sequence &sequence : set.training) {
    latents.push_back (sequence.latents.narrow (0, 0, silent));
    poses.push_back (sequence.pose.narrow (0, 0, silent));
  }
  Tensor all = torch::cat (latents);
  int64_t row = middle_row (all);
  Tensor latent = all[row].contiguous ();
  set.facts.rest_latent.assign (latent.data_ptr<float> (),
                                latent.data_ptr<float> () + latent.numel ());
  set.facts.rest_pose = to_pose (torch::cat (poses)[row]);
}

} // namespace

SequenceSet
make_sequences (const FrameStore &store, const std::string &autoencoder,
                const std::string &encoder)
{
  torch::NoGradGuard guard;
  Tensor latents = all_latents (store, autoencoder);
  std::unique_ptr<SpeechEncoderNet> net = make_speech_encoder (encoder);

  std::vector<Tensor> means, pose_means;
  for (const Clip &clip : store.clips ()) {
    means.push_back (latents.narrow (0, clip.first, clip.frames).mean (0));
    pose_means.push_back (store.poses ().narrow (0, clip.first, clip.frames).mean (0));
  }
  int64_t anchor = middle_row (torch::stack (means));
  Tensor mouths = store.landmarks ().slice (1, 48, 68);
  Tensor lips = (mouths - mouths.mean (1, true)).flatten (1);
  std::mt19937 random (1);

  SequenceSet set;
  Progress progress ("speech features", store.clips ().size ());
  for (size_t i = 0; i < store.clips ().size (); i++) {
    const Clip &clip = store.clips ()[i];
    const Tensor samples = store.speech (clip);
    const std::vector<int16_t> speech (samples.data_ptr<int16_t> (),
                                       samples.data_ptr<int16_t> () + samples.numel ());
    const auto of_clip = [&clip] (const Tensor &rows) {
      return rows.narrow (0, clip.first, clip.frames);
    };
    Tensor clip_latents = of_clip (latents) - means[i] + means[anchor];
    Tensor clip_pose = of_clip (store.poses ()) - pose_means[i] + pose_means[anchor];
    Tensor clip_lips = of_clip (lips);
    clip_lips = clip_lips - clip_lips.mean (0, true);
    for (size_t h = 0; h < (clip.held_out ? 1 : hearings.size ()); h++) {
      const double rate = hearings[h].rate;
      Sequence sequence;
      sequence.features = streamed_features (*net, heard (speech, hearings[h], random));
      int64_t frames = std::min (int64_t (double (clip.frames) / rate),
                                 sequence.features.size (0) / 2);
      sequence.features = sequence.features.narrow (0, 0, 2 * frames);
      sequence.latents = at_rate (clip_latents, rate, frames);
      sequence.pose = at_rate (clip_pose, rate, frames);
      sequence.lips = at_rate (clip_lips, rate, frames);
      (clip.held_out ? set.held_out : set.training).push_back (sequence);
    }
    progress.add ();
  }

  std::vector<Tensor> rows, poses;
  for (const Sequence &sequence : set.training) {
    rows.push_back (sequence.latents);
    poses.push_back (sequence.pose);
  }
  Tensor all = torch::cat (rows), all_poses = torch::cat (poses);
  set.latent_mean = all.mean (0);
  set.latent_std = all.std (0).clamp_min (1e-4);
  set.facts.pose_min = to_pose (std::get<0> (all_poses.min (0)));
  set.facts.pose_max = to_pose (std::get<0> (all_poses.max (0)));
  set.facts.feature_size = int (set.training.at (0).features.size (1));
  find_rest (set);
  return set;
}

} // namespace daetalker
