// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/diffusion_batches.h"

#include "models/nn/diffusion.h"
#include "models/nn/unet.h"
#include "models/studio/training/patches.h"

#include <ATen/CPUGeneratorImpl.h>
#include <cmath>
#include <torch/utils.h>

namespace daetalker {

using torch::Tensor;

DiffusionBatches::DiffusionBatches (const FrameStore &store,
                                    const DiffusionBatchOptions &options,
                                    const Tensor &noise, torch::ScalarType type,
                                    uint64_t seed)
    : store_ (store), options_ (options), type_ (type),
      generator_ (at::detail::createCPUGenerator (seed))
{
  fixed_noise_ = to_patches (noise.unsqueeze (0), options.unet_patch).to (type);
  // Drawing millions of normals every step costs a tenth of it; a pool read from
  // a random place serves as well.
  const int64_t of_a_step = options.parts * options.size * noise.numel ();
  pool_ =
      torch::randn ({std::max<int64_t> (1 << 25, 2 * of_a_step)}, generator_).to (type);
  Tensor bars = torch::tensor (alphas_cumprod (), torch::kDouble);
  signal_ = bars.sqrt ().to (torch::kFloat);
  spread_ = (1 - bars).sqrt ().to (torch::kFloat);
  // x0-loss weighted by the signal-to-noise ratio within bounds: neither the
  // hopeless steps nor the trivial ones take over.
  step_weight_ = (bars / (1 - bars)).clamp (0.2, 5).to (torch::kFloat);
}

// [B, ...] of what all parts draw together -> this part's rows.
Tensor
DiffusionBatches::own (const Tensor &all) const
{
  return all.slice (0, options_.part, {}, options_.parts);
}

// Channels-last, from the pool.
Tensor
DiffusionBatches::random_normals (const Tensor &like)
{
  const int64_t count = options_.parts * like.numel ();
  const int64_t offset =
      torch::randint (pool_.numel () - count, {1}, generator_, torch::kLong)
          .item<int64_t> ();
  return own (pool_.narrow (0, offset, count)
                  .view ({options_.parts * like.size (0), like.size (2), like.size (3),
                          like.size (1)}))
      .permute ({0, 3, 1, 2});
}

DiffusionBatch
DiffusionBatches::next ()
{
  torch::NoGradGuard guard;
  const Tensor &frames = store_.training ();
  const int64_t fixed = std::llround (options_.one_step_share * options_.size);
  const int64_t free = options_.size - fixed;
  const Tensor lots = torch::randint (frames.size (0), {options_.parts * options_.size},
                                      generator_, torch::kLong);
  // The free ones first, as in one batch of that size.
  const Tensor chosen = frames.index_select (
      0, torch::cat (
             {own (lots.narrow (0, 0, options_.parts * free)),
              own (lots.narrow (0, options_.parts * free, options_.parts * fixed))}));
  const Tensor pictures = store_.pictures (chosen);

  DiffusionBatch batch;
  batch.one_step = fixed;
  batch.frames = chosen;
  batch.pictures = picture_batch (pictures);
  if (options_.encoder_patch > 0)
    batch.for_encoder = picture_patches (pictures, options_.encoder_patch, type_);
  batch.weights = region_weights (store_.landmarks ().index_select (0, chosen),
                                  store_.side (), options_.unet_patch, options_.gains);

  const Tensor t = own (torch::randint (diffusion_steps, {options_.parts * free},
                                        generator_, torch::kLong));
  const Tensor last = torch::full ({fixed}, diffusion_steps - 1, torch::kLong);
  batch.t = torch::cat ({t, last}).to (torch::kFloat);
  const Tensor scale =
      torch::cat ({step_weight_.index_select (0, t), torch::ones ({fixed})});
  batch.weights = batch.weights * scale.view ({-1, 1, 1, 1});

  const Tensor clean =
      picture_patches (pictures.narrow (0, 0, free), options_.unet_patch, type_);
  const Tensor signal = signal_.index_select (0, t).to (type_).view ({-1, 1, 1, 1});
  const Tensor spread = spread_.index_select (0, t).to (type_).view ({-1, 1, 1, 1});
  const Tensor mixed = clean * signal + random_normals (clean) * spread;
  batch.noisy = torch::cat ({mixed, fixed_noise_.expand ({fixed, -1, -1, -1})})
                    .contiguous (at::MemoryFormat::ChannelsLast);
  return batch;
}

} // namespace daetalker
