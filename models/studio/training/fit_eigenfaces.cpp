// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/fit_eigenfaces.h"

#include <filesystem>
#include <torch/utils.h>

#include "models/engine.h"
#include "models/io/tensors.h"
#include "models/nn/autoencoder_config.h"
#include "models/nn/weights.h"
#include "models/studio/progress.h"
#include "models/studio/training/patches.h"
#include "models/studio/training/work_file.h"

namespace daetalker {

using torch::Tensor;

namespace {

// Neighbouring frames are nearly the same: more of them tell nothing new, and cost
// 100 kB of memory each.
constexpr int64_t most_frames = 6000;

// What a squared error of each number in Eigenfaces' rows does to the RGB picture: it
// stands for 4 pixels of brightness or 16 of colour, and reaches three channels.
Tensor
row_weights (const Tensor &landmarks, int side, const RegionGains &gains)
{
  constexpr double brightness = 3 * 4;
  constexpr double blue = 16 * (0.344136 * 0.344136 + 1.772 * 1.772);
  constexpr double red = 16 * (1.402 * 1.402 + 0.714136 * 0.714136);
  const auto region = [&] (int patch) {
    return region_weights (landmarks, side, patch, gains).mean (0).flatten ();
  };
  const Tensor quarter = region (4);
  return torch::cat ({region (2) * brightness, quarter * blue, quarter * red});
}

} // namespace

void
fit_eigenfaces (Eigenfaces &eigenfaces, const FrameStore &store, const RegionGains &gains,
                const std::string &cache)
{
  if (std::filesystem::exists (cache)) {
    load_weights (*eigenfaces, load_tensors (cache), cache);
    return;
  }
  torch::NoGradGuard guard;
  const Tensor &all = store.training ();
  const int64_t count = std::min (most_frames, all.size (0));
  const int64_t components = eigenfaces->count ();
  if (count <= components)
    throw Error (ErrorCode::wrong_model, cache,
                 "there are " + std::to_string (count) + " frames to train on, and " +
                     std::to_string (components) + " eigenfaces want more",
                 "Prepare more footage, or take --latents convolutional");
  const Tensor frames = all.index_select (
      0, torch::linspace (0, double (all.size (0) - 1), count).to (torch::kLong));
  std::vector<Tensor> rows;
  Progress progress ("eigenfaces", size_t (count));
  for (const Tensor &some : frames.split (64)) {
    rows.push_back (eigenfaces->rows (picture_batch (store.pictures (some))));
    progress.add (size_t (some.size (0)));
  }
  eigenfaces->fit (
      torch::cat (rows),
      row_weights (store.landmarks ().index_select (0, frames), store.side (), gains));
  save_tensors (cache, named_weights (*eigenfaces), {}, torch::kHalf);
}

Eigenfaces
read_eigenfaces (const std::string &autoencoder)
{
  Metadata metadata;
  const TensorMap weights = load_tensors (autoencoder, &metadata);
  const AutoencoderConfig config = network_of (metadata, autoencoder);
  if (!config.unet.eigenfaces)
    return nullptr;
  Eigenfaces eigenfaces (config.unet.image_size, config.unet.style_channels);
  load_weights (*eigenfaces, without_prefix (weights, "unet.eigenfaces."), autoencoder);
  return eigenfaces;
}

} // namespace daetalker
