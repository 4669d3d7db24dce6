// SPDX-License-Identifier: LGPL-2.1-or-later
//
// 3x3 convolutions by Winograd's minimal filtering F(4x4, 3x3) (A. Lavin and S. Gray,
// "Fast Algorithms for Convolutional Neural Networks", CVPR 2016): a quarter of the
// multiplications, in float32 on the CPU.  Its rounding is near 1e-5 of the largest
// value.
#pragma once

#include <torch/types.h>

namespace daetalker {

// Whether winograd_conv () takes x [B, in, H, W] and weight [out, in, 3, 3]: float32 on
// the CPU, sides in fours, `out` in sixteens, and enough pixels that reading the weights
// costs less than the multiplications saved.  `enlarged`: see there.
bool suits_winograd (const torch::Tensor &x, const torch::Tensor &weight,
                     bool enlarged = false);

// What winograd_conv () wants to know of weights [out, in, 3, 3]; four times their size.
// Not differentiable: for weights that stay.
torch::Tensor winograd_points (const torch::Tensor &weight);

// Padding 1, stride 1: [B, out, H, W], channels-last.  Differentiable in x, weight,
// bias and sum.
//   x:        [B, in, H, W], any memory format
//   weight:   [out, in, 3, 3]
//   bias:     [out]
//   points:   winograd_points (weight), or undefined
//   enlarged: as if each pixel of x stood for 2x2 of them
//   sum:      [B, out, H, W] that what comes out is added to, or undefined
torch::Tensor winograd_conv (torch::Tensor x, const torch::Tensor &weight,
                             const torch::Tensor &bias, const torch::Tensor &points = {},
                             bool enlarged = false, const torch::Tensor &sum = {});

// What profilers see of it; inputs x, weight, enlarged, and weight.
constexpr char winograd_name[] = "daetalker::winograd_conv";
constexpr char winograd_points_name[] = "daetalker::winograd_points";

} // namespace daetalker
