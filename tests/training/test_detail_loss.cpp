// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/detail_loss.h"

#include <gtest/gtest.h>

using daetalker::detail_loss;
using torch::Tensor;

namespace {

// A chequered pattern about `middle`: nearly all of it is detail.
Tensor
chequered (double middle, double height)
{
  const Tensor index = torch::arange (32);
  const Tensor sign = ((index.view ({-1, 1}) + index) % 2 * 2 - 1).to (torch::kFloat);
  return (middle + height * sign).expand ({1, 3, 32, 32}).contiguous ();
}

double
loss (const Tensor &made, const Tensor &real)
{
  return detail_loss (made, real, 8).mean ().item<double> ();
}

} // namespace

TEST (DetailLoss, ComparesAmountsNotPlaces)
{
  const Tensor real = chequered (0, 0.2);
  EXPECT_EQ (detail_loss (real, real, 8).sizes (), torch::IntArrayRef ({1, 1, 4, 4}));
  EXPECT_EQ (loss (real, real), 0);
  EXPECT_NEAR (loss (-real, real), 0, 1e-9);
  EXPECT_NEAR (loss (chequered (0.5, 0.2), real), 0, 1e-6);
  EXPECT_NEAR (loss (chequered (0, 0.1), real), 0.01, 1e-3);
  EXPECT_NEAR (loss (torch::zeros ({1, 3, 32, 32}), real), 0.04, 4e-3);
}

TEST (DetailLoss, AsksForMoreWhereThereIsTooLittle)
{
  const Tensor real = chequered (0, 0.2);
  Tensor made = chequered (0, 0.1).requires_grad_ ();
  detail_loss (made, real, 8).mean ().backward ();
  const Tensor better = (made - made.grad ()).detach ();
  EXPECT_LT (loss (better, real), loss (made, real));
  // Where there is none it cannot know which, and must not fail.
  Tensor flat = torch::zeros ({1, 3, 32, 32}).requires_grad_ ();
  detail_loss (flat, real, 8).mean ().backward ();
  EXPECT_TRUE (flat.grad ().isfinite ().all ().item<bool> ());
}
