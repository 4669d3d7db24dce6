// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/sequences.h"

#include <filesystem>
#include <torch/utils.h>

#include "models/io/tensors.h"
#include "models/nn/precision.h"
#include "models/nn/weights.h"
#include "models/studio/progress.h"
#include "models/studio/training/fit_eigenfaces.h"
#include "models/studio/training/fit_idle.h"
#include "models/studio/training/frame_latents.h"
#include "models/studio/training/listener.h"
#include "models/studio/training/other_voices.h"
#include "models/studio/training/region_mask.h"
#include "models/studio/training/work_file.h"

namespace daetalker {

using torch::Tensor;

namespace {

Tensor
all_latents (const FrameStore &store, const std::string &autoencoder)
{
  Metadata metadata;
  TensorMap weights = load_tensors (autoencoder, &metadata);
  const AutoencoderConfig config = network_of (metadata, autoencoder);
  Autoencoder network (config);
  load_weights (*network, weights, autoencoder);
  torch::ScalarType type = has_fast_bfloat16 () ? torch::kBFloat16 : torch::kFloat;
  convert_convolutions (*network, type);
  network->eval ();
  const auto folder = std::filesystem::path (autoencoder).parent_path ();
  return frame_latents (network, store, folder / "latents.safetensors");
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

// When somebody blinks can hardly be predicted, and half a blink on average is what
// nobody should see: the direction in which latents go while eyes shut is left out.
Tensor
without_blinks (const Tensor &changes, const Tensor &shutting)
{
  return shutting.defined ()
             ? changes - torch::outer (torch::mv (changes, shutting), shutting)
             : changes;
}

// Where eigenfaces show the eyes, which lie where they lie on average.
EyesInLatents
eyes_in (Eigenfaces eigenfaces, const Tensor &landmarks)
{
  const Tensor face = landmarks.mean (0);
  const auto eye = [&] (int64_t first) {
    return region_mask (face.narrow (0, first, 6), eigenfaces->side (), 0.8, 0.62);
  };
  return {eigenfaces->within (torch::maximum (eye (36), eye (42))),
          eigenfaces->deviations ()};
}

IdleFit
fit_idle_of (const FrameStore &store, const Tensor &latents,
             const std::string &autoencoder)
{
  const Eigenfaces eigenfaces = read_eigenfaces (autoencoder);
  if (!eigenfaces)
    return fit_idle (store, latents);
  const EyesInLatents eyes = eyes_in (eigenfaces, store.landmarks ());
  return fit_idle (store, latents, &eyes);
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
                const std::string &encoder, const OtherVoices &others)
{
  torch::NoGradGuard guard;
  Tensor latents = all_latents (store, autoencoder);
  const auto work = std::filesystem::path (autoencoder).parent_path ();
  Listener listener (encoder, work / "features.safetensors");

  std::vector<Tensor> means, pose_means;
  for (const Clip &clip : store.clips ()) {
    means.push_back (latents.narrow (0, clip.first, clip.frames).mean (0));
    pose_means.push_back (store.poses ().narrow (0, clip.first, clip.frames).mean (0));
  }
  int64_t anchor = middle_row (torch::stack (means));
  Tensor mouths = store.landmarks ().slice (1, 48, 68);
  Tensor lips = (mouths - mouths.mean (1, true)).flatten (1);

  SequenceSet set;
  std::vector<Tensor> speech; // of the training clips
  set.frames = store.frames ();
  set.mouth = mouths.mean (0);
  const IdleFit idle = fit_idle_of (store, latents, autoencoder);
  set.facts.idle = idle.idle;
  Progress progress ("speech features", store.clips ().size ());
  for (size_t i = 0; i < store.clips ().size (); i++) {
    const Clip &clip = store.clips ()[i];
    const auto of_clip = [&clip] (const Tensor &rows) {
      return rows.narrow (0, clip.first, clip.frames);
    };
    Tensor clip_latents =
        without_blinks (of_clip (latents) - means[i], idle.shutting) + means[anchor];
    Tensor clip_pose = of_clip (store.poses ()) - pose_means[i] + pose_means[anchor];
    Tensor clip_lips = of_clip (lips);
    clip_lips = clip_lips - clip_lips.mean (0, true);
    Sequence sequence;
    const Tensor wave = store.speech (clip).to (torch::kFloat) / 32768;
    sequence.features = listener.listen (wave);
    const int64_t frames = std::min (clip.frames, sequence.features.size (0) / 2);
    sequence.features = sequence.features.narrow (0, 0, 2 * frames);
    sequence.latents = clip_latents.narrow (0, 0, frames);
    sequence.pose = clip_pose.narrow (0, 0, frames);
    sequence.lips = clip_lips.narrow (0, 0, frames);
    sequence.first = clip.first;
    (clip.held_out ? set.held_out : set.training).push_back (sequence);
    if (!clip.held_out)
      speech.push_back (store.speech (clip).contiguous ());
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
  const auto listen = [&listener] (const Tensor &wave) {
    return listener.listen_augmented (wave);
  };
  set.others = augmented_voices (set.training, speech, others.augmentations, listen);
  if (!others.folder.empty ())
    for (const Sequence &sequence :
         other_voices (others.folder, listen, means[anchor], pose_means[anchor]))
      set.others.push_back (sequence);
  listener.remember ();
  return set;
}

} // namespace daetalker
