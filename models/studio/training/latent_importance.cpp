// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/latent_importance.h"

#include "models/io/files.h"
#include "models/io/tensors.h"
#include "models/nn/autoencoder_config.h"
#include "models/nn/diffusion.h"
#include "models/nn/precision.h"
#include "models/nn/unet.h"
#include "models/nn/weights.h"
#include "models/studio/training/region_weights.h"
#include "models/studio/training/work_file.h"

#include <filesystem>
#include <torch/utils.h>

namespace daetalker {

using torch::Tensor;

namespace {

Tensor
measure (const FrameStore &store, const std::string &autoencoder,
         const std::string &noise_file, const SequenceSet &set)
{
  Metadata metadata;
  TensorMap weights = load_tensors (autoencoder, &metadata);
  const AutoencoderConfig config = network_of (metadata, autoencoder);
  UNet unet (config.unet);
  load_weights (*unet, without_prefix (weights, "unet."), autoencoder);
  torch::ScalarType type = has_fast_bfloat16 () ? torch::kBFloat16 : torch::kFloat;
  convert_convolutions (*unet, type);
  unet->eval ();
  int patch = config.unet.patch;
  Tensor noise =
      to_patches (load_tensors (noise_file).at ("x_T").to (torch::kFloat).unsqueeze (0),
                  patch)
          .to (type);
  Tensor t = torch::full ({1}, diffusion_steps - 1, torch::kFloat);
  // The mean face's landmarks say where its mouth is.
  Tensor region = region_weights (store.landmarks ().mean (0, true), store.side (), 1,
                                  RegionGains ());

  int64_t size = set.latent_mean.size (0);
  constexpr int64_t batch = 16, bases = 3;
  Tensor total = torch::zeros ({size});
  for (int64_t b = 0; b < bases; b++) {
    const Sequence &sequence = set.training[size_t (b) * set.training.size () / bases];
    Tensor base = sequence.latents[sequence.latents.size (0) / 2];
    auto render = [&] (const Tensor &z) {
      return unet
          ->forward_patches (noise.expand ({z.size (0), -1, -1, -1})
                                 .contiguous (at::MemoryFormat::ChannelsLast),
                             t, z)
          .picture;
    };
    Tensor picture = render (base.unsqueeze (0));
    for (int64_t first = 0; first < size; first += batch) {
      int64_t count = std::min (batch, size - first);
      Tensor moved = base.repeat ({count, 1});
      for (int64_t i = 0; i < count; i++)
        moved[i][first + i] += set.latent_std[first + i];
      Tensor change = (render (moved) - picture).pow (2) * region;
      total.narrow (0, first, count) += change.mean ({1, 2, 3});
    }
  }
  total = total / total.mean ();
  return (0.02 + 0.98 * total).clamp_max (50);
}

} // namespace

Tensor
latent_importance (const FrameStore &store, const std::string &work,
                   const SequenceSet &set)
{
  torch::NoGradGuard guard;
  const std::string autoencoder = work + "/autoencoder.safetensors";
  const std::string file = work + "/importance.safetensors";
  const Tensor deviations = set.latent_std.contiguous ();
  const std::string of = sha256_of_file (autoencoder) + " " +
                         sha256 (deviations.data_ptr (), deviations.nbytes ());
  if (std::filesystem::exists (file)) {
    Metadata metadata;
    const TensorMap kept = load_tensors (file, &metadata);
    if (metadata["of"] == of && kept.count ("importance") > 0)
      return kept.at ("importance");
  }
  const Tensor importance =
      measure (store, autoencoder, work + "/noise.safetensors", set);
  save_tensors (file, {{"importance", importance}}, {{"of", of}});
  return importance;
}

} // namespace daetalker
