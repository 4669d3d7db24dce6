// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/sequences.h"

#include <cmath>

#include "models/engine/chunker.h"
#include "models/io/tensors.h"
#include "models/nn/precision.h"
#include "models/nn/semantic_encoder.h"
#include "models/nn/speech_encoder.h"
#include "models/nn/weights.h"
#include "models/studio/media.h"
#include "models/studio/progress.h"
#include "models/studio/training/patches.h"

namespace daetalker {

using torch::Tensor;

namespace {

// Speaking rates at which each clip is heard: pitch and formants move with them,
// so that other voices are not quite new.
const std::vector<double> rates = {1.0, 0.88, 1.13};

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
  std::vector<Tensor> latents;
  constexpr int64_t batch = 32;
  Progress progress ("latents", size_t (store.frames ()));
  for (int64_t first = 0; first < store.frames (); first += batch) {
    int64_t last = std::min (first + batch, store.frames ());
    Tensor pictures = store.pictures (torch::arange (first, last));
    latents.push_back (encoder->forward_patches (
        picture_patches (pictures, config.encoder.patch, type)));
    progress.add (size_t (last - first));
  }
  return torch::cat (latents);
}

// Features as a stream gives them, chunk by chunk.
Tensor
streamed_features (SpeechEncoderNet &net, const std::vector<float> &samples)
{
  Chunker chunker (net.window (), 1, net.hop (), Chunker::Tail::zeros);
  chunker.push (samples.data (), samples.size ());
  chunker.finish ();
  std::vector<Tensor> result;
  Chunk chunk;
  const float *rows = nullptr;
  size_t count = 0;
  while (chunker.next (chunk, rows, count)) {
    Tensor wave = torch::from_blob (const_cast<float *> (rows), {1, int64_t (count)});
    Tensor features = net.forward (wave, -1)[0];
    result.push_back (
        features
            .slice (0, chunk.begin - chunk.window_begin, chunk.end - chunk.window_begin)
            .clone ());
  }
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

std::vector<float>
speech_at_rate (const std::vector<int16_t> &speech, double rate, double gain)
{
  size_t count = size_t (double (speech.size ()) / rate);
  std::vector<float> result (count);
  for (size_t i = 0; i < count; i++) {
    double position = double (i) * rate;
    size_t below = size_t (position);
    size_t above = std::min (below + 1, speech.size () - 1);
    double share = position - double (below);
    result[i] =
        float (gain * (speech[below] * (1 - share) + speech[above] * share) / 32768);
  }
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

  SequenceSet set;
  Progress progress ("speech features", store.clips ().size ());
  for (size_t i = 0; i < store.clips ().size (); i++) {
    const Clip &clip = store.clips ()[i];
    std::vector<int16_t> speech;
    read_media (
        clip.video, [] (uint64_t, const cv::Mat &) {}, &speech);
    if (speech.empty ())
      throw Error (ErrorCode::wrong_model, clip.video, "it has no sound",
                   "Prepare the dataset from footage with speech");
    Tensor clip_latents =
        latents.narrow (0, clip.first, clip.frames) - means[i] + means[anchor];
    Tensor clip_pose = store.poses ().narrow (0, clip.first, clip.frames) -
                       pose_means[i] + pose_means[anchor];
    for (size_t r = 0; r < (clip.held_out ? 1 : rates.size ()); r++) {
      // Loudness moves with the copies too: 1, a third, twice.
      double gain = r == 0 ? 1 : r == 1 ? 0.35 : 2;
      Sequence sequence;
      sequence.held_out = clip.held_out;
      sequence.features =
          streamed_features (*net, speech_at_rate (speech, rates[r], gain));
      int64_t frames = std::min (int64_t (double (clip.frames) / rates[r]),
                                 sequence.features.size (0) / 2);
      sequence.features = sequence.features.narrow (0, 0, 2 * frames);
      sequence.latents = at_rate (clip_latents, rates[r], frames);
      sequence.pose = at_rate (clip_pose, rates[r], frames);
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
