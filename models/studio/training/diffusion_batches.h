// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What one step of the autoencoder's training sees: frames, and what noise made of
// them.
#pragma once

#include <torch/types.h>

#include "models/studio/training/frame_store.h"
#include "models/studio/training/region_weights.h"

namespace daetalker {

struct DiffusionBatch {
  torch::Tensor frames;      // int64 [B], indices into the store
  torch::Tensor pictures;    // [B, 3, H, W] float32 in [-1, 1], clean
  torch::Tensor for_encoder; // the same in the encoder's patches and type
  torch::Tensor noisy;       // what the UNet sees, in its patches and type
  torch::Tensor t;           // [B], original steps
  torch::Tensor weights;     // [B, 1, H/p, W/p]: region times step; p as the UNet's
  int64_t one_step = 0;      // as many, the last ones, start from the fixed noise
};

struct DiffusionBatchOptions {
  int size = 16;
  double one_step_share = 0.5; // of a batch: the fixed noise at the last step
  int unet_patch = 8;
  int encoder_patch = 4; // 0: nothing for the encoder
  RegionGains gains;     // of the weights
  // One of several that draw the same random numbers, each its own part of a batch that
  // is as many times as large.
  int part = 0, parts = 1;
};

class DiffusionBatches {
public:
  // `noise`: x_T [3, H, W]; `type`: of the convolutions.  `store` must outlive this.
  DiffusionBatches (const FrameStore &store, const DiffusionBatchOptions &options,
                    const torch::Tensor &noise, torch::ScalarType type, uint64_t seed);

  DiffusionBatch next ();

private:
  torch::Tensor own (const torch::Tensor &all) const;
  torch::Tensor random_normals (const torch::Tensor &like);

  const FrameStore &store_;
  DiffusionBatchOptions options_;
  torch::ScalarType type_;
  at::Generator generator_;
  torch::Tensor fixed_noise_, pool_, signal_, spread_, step_weight_;
};

} // namespace daetalker
