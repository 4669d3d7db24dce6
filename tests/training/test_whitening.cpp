// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/whitening.h"

#include <cmath>
#include <gtest/gtest.h>
#include <torch/utils.h>

using torch::Tensor;

namespace {

// z of `h` through the last layer.
Tensor
project (const Tensor &h, const Tensor &weight, const Tensor &bias)
{
  return h.mm (weight.flatten (1).t ()) + bias;
}

} // namespace

// Eight features, each half the size of the one before, turned into eight numbers:
// afterwards each component is as large as the others.
TEST (Whitening, EqualVarianceWithoutCorrelation)
{
  torch::manual_seed (1);
  constexpr int64_t size = 8;
  Tensor sizes = torch::pow (2.0, -torch::arange (size, torch::kFloat));
  Tensor h = torch::randn ({4000, size}) * sizes + 0.5;
  Tensor turn = std::get<0> (torch::linalg_qr (torch::randn ({size, size})));
  Tensor weight = turn.view ({size, size, 1, 1}).clone ();
  Tensor bias = torch::randn ({size});
  daetalker::whiten_latents (project (h, weight, bias), weight, bias);

  Tensor z = project (h, weight, bias).to (torch::kDouble);
  EXPECT_LT (z.mean (0).abs ().max ().item<double> (), 1e-2);
  Tensor centred = z - z.mean (0);
  Tensor covariance = centred.t ().mm (centred) / double (z.size (0) - 1);
  Tensor variance = covariance.diagonal ();
  Tensor others = covariance - torch::diag (variance);
  EXPECT_LT (others.abs ().max ().item<double> (), 2e-2);
  // The smallest, 1/128 of the first, lies four times above the floor.
  double ratio = (variance.min () / variance.max ()).item<double> ();
  EXPECT_NEAR (ratio, 1 / (1 + std::pow (128 * 0.002, 2)), 0.02);
}

// A direction far below the floor is noise and must not be blown up to full size.
TEST (Whitening, FadesBelowTheFloor)
{
  torch::manual_seed (2);
  Tensor h = torch::randn ({4000, 2}) * torch::tensor ({1.f, 1e-5f});
  Tensor weight = torch::eye (2).view ({2, 2, 1, 1}).clone (), bias = torch::zeros ({2});
  daetalker::whiten_latents (project (h, weight, bias), weight, bias);
  Tensor deviation = std::get<0> (project (h, weight, bias).std (0).sort (0, true));
  EXPECT_LT (deviation[1].item<float> (), 0.01f * deviation[0].item<float> ());
}
