// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/conv3x3.h"

#include "models/nn/winograd.h"

#include <torch/nn/functional/upsampling.h>

namespace daetalker {

namespace F = torch::nn::functional;
using torch::Tensor;

namespace {

// [4 * out, in, 2, 2], of each phase of the pixels of an enlarged picture: between its
// neighbours' copies a kernel meets 2x2 different pixels only.
Tensor
phase_kernels (const Tensor &weight)
{
  // Rows: phases; columns: the kernel's taps that fall on the first and on the second of
  // the two pixels that it meets.
  // Filled on the device: what comes from the host cannot be recorded as a CUDA graph.
  const Tensor taps = torch::zeros (
      {2, 2, 3}, weight.options ().dtype (torch::kFloat).requires_grad (false));
  taps[0][0].slice (0, 0, 1).fill_ (1);
  taps[0][1].slice (0, 1, 3).fill_ (1);
  taps[1][0].slice (0, 0, 2).fill_ (1);
  taps[1][1].slice (0, 2, 3).fill_ (1);
  return torch::einsum ("pak,qbl,oikl->pqoiab", {taps, taps, weight.to (torch::kFloat)})
      .flatten (0, 2)
      .to (weight.scalar_type ())
      .contiguous (at::MemoryFormat::ChannelsLast);
}

} // namespace

Conv3x3Impl::Conv3x3Impl (int64_t in, int64_t out)
    : Conv2dImpl (torch::nn::Conv2dOptions (in, out, 3).padding (1))
{
}

Tensor
Conv3x3Impl::kept (Tensor &place, Tensor (*of) (const Tensor &weight))
{
  if (!settled_)
    return of (weight);
  const std::lock_guard<std::mutex> lock (making_);
  if (!place.defined ())
    place = of (weight);
  return place;
}

Tensor
Conv3x3Impl::forward (const Tensor &x)
{
  return suits_winograd (x, weight)
             ? winograd_conv (x, weight, bias, kept (points_, winograd_points))
             : torch::conv2d (x, weight, bias, 1, 1);
}

Tensor
Conv3x3Impl::added_to (const Tensor &sum, const Tensor &x)
{
  return suits_winograd (x, weight)
             ? winograd_conv (x, weight, bias, kept (points_, winograd_points), false,
                              sum)
             : sum + torch::conv2d (x, weight, bias, 1, 1);
}

Tensor
Conv3x3Impl::forward_enlarged (const Tensor &x)
{
  if (suits_winograd (x, weight, true))
    return winograd_conv (x, weight, bias, kept (points_, winograd_points), true);
  // To make the kernels costs more than they save where there are few pixels.
  constexpr int64_t enough = 32 * 32;
  if (settled_ || x.size (2) * x.size (3) >= enough)
    return in_phases (x);
  return torch::conv2d (enlarged_twice (x), weight, bias, 1, 1);
}

// In 4/9 of the arithmetic.
Tensor
Conv3x3Impl::in_phases (const Tensor &x)
{
  const int64_t out = weight.size (0);
  // Row i of what comes out has met the rows i-1 and i: phase 1 is found one further on.
  const Tensor all =
      torch::conv2d (x.contiguous (at::MemoryFormat::ChannelsLast),
                     kept (phases_, phase_kernels), bias.repeat ({4}), 1, 1)
          .permute ({0, 2, 3, 1})
          .contiguous (); // [B, H+1, W+1, phase y, phase x, out]
  const int64_t batch = x.size (0), height = x.size (2), width = x.size (3);
  const int64_t pixel = 4 * out, row = (width + 1) * pixel;
  return all
      .as_strided ({batch, height, 2, width, 2, out},
                   {(height + 1) * row, row, row + 2 * out, pixel, pixel + out, 1})
      .reshape ({batch, 2 * height, 2 * width, out})
      .permute ({0, 3, 1, 2});
}

Tensor
enlarged_twice (const Tensor &x)
{
  return F::interpolate (x, F::InterpolateFuncOptions ()
                                .scale_factor (std::vector<double>{2, 2})
                                .mode (torch::kNearest));
}

} // namespace daetalker
