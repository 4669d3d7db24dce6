// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/lip_reading.h"

#include <torch/utils.h>

namespace daetalker {

using torch::Tensor;

LipReading::LipReading (const Tensor &latents, const Tensor &lips)
{
  torch::NoGradGuard guard;
  const Tensor mean = latents.mean (0), lip_mean = lips.mean (0);
  const Tensor x = latents - mean, y = lips - lip_mean;
  Tensor products = x.t ().mm (x);
  // A hundredth of the mean variance: neighbouring frames are no new ones.
  products.diagonal ().add_ (0.01 * products.diagonal ().mean ());
  map_ = torch::linalg_solve (products, x.t ().mm (y));
  bias_ = lip_mean - mean.unsqueeze (0).mm (map_).squeeze (0);
  variance_ = y.square ().mean ().item<double> ();
  explained_ = 1 - error (latents, lips).mean ().item<double> ();
}

Tensor
LipReading::read (const Tensor &latents) const
{
  return torch::matmul (latents, map_) + bias_;
}

Tensor
LipReading::error (const Tensor &latents, const Tensor &lips) const
{
  return (read (latents) - lips).square ().mean (-1) / variance_;
}

Tensor
mouth_opening (const Tensor &lips)
{
  // Landmarks 61 to 63 of the upper inner lip face 67 to 65 of the lower.
  const auto y = [&lips] (int landmark) {
    return lips.select (-1, 2 * (landmark - 48) + 1);
  };
  return (y (67) + y (66) + y (65) - y (61) - y (62) - y (63)) / 3;
}

} // namespace daetalker
