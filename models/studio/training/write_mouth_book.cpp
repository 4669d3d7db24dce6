// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/write_mouth_book.h"

#include "models/io/tensors.h"
#include "models/nn/autoencoder_config.h"
#include "models/nn/weights.h"

namespace daetalker {

using torch::Tensor;

namespace {

// [side/2, side/2]: 1 at the lips, and from their corners on less.  Chin and cheeks move
// with the jaw; half a mouth's width around the lips takes most of that along.
Tensor
mouth_mask (const Tensor &landmarks, int side)
{
  const Tensor points = landmarks / 2; // the mask's pixels
  const Tensor middle = points.mean (0);
  const double width = (points.select (1, 0).max () - points.select (1, 0).min ())
                           .item<double> ();
  const auto squared = [&] (int axis, double radius) {
    return ((torch::arange (side / 2, torch::kFloat) - middle[axis]) / radius).square ();
  };
  const Tensor distance =
      squared (0, 0.75 * width).unsqueeze (0) + squared (1, 0.55 * width).unsqueeze (1);
  return torch::sigmoid (4 * (1 - distance));
}

} // namespace

Eigenfaces
read_eigenfaces (const std::string &autoencoder)
{
  Metadata metadata;
  const TensorMap weights = load_tensors (autoencoder, &metadata);
  const auto config =
      nlohmann::json::parse (metadata.at ("network")).get<AutoencoderConfig> ();
  if (!config.unet.eigenfaces)
    return nullptr;
  Eigenfaces eigenfaces (config.unet.image_size, config.unet.style_channels);
  load_weights (*eigenfaces, without_prefix (weights, "unet.eigenfaces."), autoencoder);
  return eigenfaces;
}

int64_t
filmed_frames (const SequenceSet &set)
{
  int64_t frames = 0;
  for (const Sequence &sequence : set.training)
    if (sequence.first >= 0)
      frames += sequence.latents.size (0);
  return frames;
}

void
write_mouth_book (MouthBook book, Eigenfaces eigenfaces, const SequenceSet &set)
{
  torch::NoGradGuard guard;
  std::vector<Tensor> changes;
  for (const Sequence &sequence : set.training)
    if (sequence.first >= 0)
      changes.push_back (sequence.latents - sequence.latents.mean (0, true));
  torch::manual_seed (1);
  book->write (torch::cat (changes),
               eigenfaces->within (mouth_mask (set.mouth, eigenfaces->side ())),
               eigenfaces->deviations ());
}

} // namespace daetalker
