// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

namespace daetalker {

// Planes [B, C, H, W], float32, contiguous, on the CPU, enlarged twice or four times:
// what torch.nn.functional.interpolate gives with mode "bicubic" and align_corners false,
// in the four multiplications of a pixel each way that its kernel has.  Not
// differentiable.
torch::Tensor enlarge_bicubically (const torch::Tensor &planes, int factor);

} // namespace daetalker
