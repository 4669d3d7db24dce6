// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/modules/normalization.h>

#include "models/nn/row_kernels.h"

namespace daetalker {

// Layer norm and group norm computed in float32 whatever the type of `x`, which is
// the type of the result.  LibTorch 1.13 keeps the statistics of bfloat16 data in
// bfloat16 on the CPU, which doubles the rounding error of the whole operation.
inline torch::Tensor
exact_norm (const torch::nn::LayerNorm &norm, const torch::Tensor &x)
{
  if (are_few_rows (x) && norm->weight.scalar_type () == torch::kFloat)
    return normalise_rows (x, norm);
  const auto &options = norm->options;
  return torch::layer_norm (x.to (torch::kFloat32), options.normalized_shape (),
                            norm->weight.to (torch::kFloat32),
                            norm->bias.to (torch::kFloat32), options.eps ())
      .to (x.scalar_type ());
}

inline torch::Tensor
exact_norm (const torch::nn::GroupNorm &norm, const torch::Tensor &x)
{
  const auto &options = norm->options;
  return torch::group_norm (x.to (torch::kFloat32), options.num_groups (),
                            norm->weight.to (torch::kFloat32),
                            norm->bias.to (torch::kFloat32), options.eps ())
      .to (x.scalar_type ());
}

} // namespace daetalker
