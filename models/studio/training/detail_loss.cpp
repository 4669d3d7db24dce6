// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/detail_loss.h"

#include <torch/nn/functional/conv.h>
#include <torch/nn/functional/padding.h>

namespace daetalker {

using torch::Tensor;
namespace F = torch::nn::functional;

namespace {

Tensor
blurred (const Tensor &pictures)
{
  constexpr int64_t radius = 3;
  const Tensor offset = torch::arange (-radius, radius + 1, torch::kFloat);
  Tensor bell = torch::exp (-offset.pow (2) / 2);
  bell = (bell / bell.sum ()).to (pictures.device ());
  const int64_t channels = pictures.size (1);
  const auto along = [&] (const Tensor &x, torch::IntArrayRef shape) {
    const Tensor kernel = bell.view (shape).expand ({channels, 1, -1, -1}).contiguous ();
    return F::conv2d (x, kernel, F::Conv2dFuncOptions ().groups (channels));
  };
  const Tensor padded = F::pad (
      pictures,
      F::PadFuncOptions (std::vector<int64_t> (4, radius)).mode (torch::kReflect));
  return along (along (padded, {1, 1, 1, -1}), {1, 1, -1, 1});
}

Tensor
amount_of_detail (const Tensor &pictures, int patch)
{
  // Less than a grey level: the root's slope has to end somewhere.
  constexpr double least = 1e-5;
  const Tensor energy = (pictures - blurred (pictures)).pow (2).mean (1, true);
  return (torch::avg_pool2d (energy, patch) + least).sqrt ();
}

} // namespace

Tensor
detail_loss (const Tensor &made, const Tensor &real, int patch)
{
  return (amount_of_detail (made, patch) - amount_of_detail (real, patch)).pow (2);
}

} // namespace daetalker
