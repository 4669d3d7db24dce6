// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

namespace daetalker {

// norm_modulate_silu () of a tensor in a GPU's memory, float32, float16 or bfloat16;
// without gradients.
torch::Tensor norm_modulate_silu_cuda (const torch::Tensor &x, const torch::Tensor &scale,
                                       const torch::Tensor &shift, int64_t groups,
                                       double eps);

} // namespace daetalker
