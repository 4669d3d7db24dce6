// SPDX-License-Identifier: LGPL-2.1-or-later
//
// GroupNorm, per-channel modulation and SiLU in one pass over channels-last data.
// Between the convolutions these nets are bound by memory, not arithmetic; apart,
// the three cost several times what they cost together.
#pragma once

#include <torch/types.h>

namespace daetalker {

// y = silu(normalised(x) * scale + shift), where `normalised` is GroupNorm without
// affine parameters over `groups` groups (statistics in float32).
//   x:            [B, C, H, W], float32 or bfloat16, any memory format
//   scale, shift: [B, C] or [1, C], float32
// Returns x's shape and type, channels-last.  Differentiable in x, scale, shift.
torch::Tensor norm_modulate_silu (const torch::Tensor &x, const torch::Tensor &scale,
                                  const torch::Tensor &shift, int64_t groups,
                                  double eps = 1e-5);

} // namespace daetalker
