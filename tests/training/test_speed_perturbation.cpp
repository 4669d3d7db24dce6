// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/speed_perturbation.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace daetalker;
using torch::Tensor;

namespace {

// `cycles` of them in a second of 16000 samples.
Tensor
tone (double cycles, int64_t samples)
{
  return (torch::arange (samples, torch::kDouble) * (2 * M_PI * cycles / 16000))
      .sin ()
      .to (torch::kFloat);
}

double
largest_difference (const Tensor &a, const Tensor &b)
{
  return (a - b).abs ().max ().item<double> ();
}

} // namespace

TEST (SpeedPerturbation, TonesGoUpAndGetShorter)
{
  const Tensor wave = tone (400, 16000);
  EXPECT_LT (largest_difference (wave_at_speed (wave, 1.25), tone (500, 12800)), 1e-4);
  EXPECT_LT (largest_difference (wave_at_speed (wave, 0.8), tone (320, 20000)), 1e-4);
  EXPECT_EQ (wave_at_speed (wave, 1.17).size (0), 13675);
}

TEST (SpeedPerturbation, WhatIsTooHighIsGoneAndDoesNotComeBackLower)
{
  EXPECT_LT (wave_at_speed (tone (7000, 16000), 1.25).abs ().max ().item<float> (), 1e-3);
}

TEST (SpeedPerturbation, RowsStandWhereTheyAreHeard)
{
  const Tensor rows = torch::arange (0, 11, torch::kFloat).unsqueeze (1) * 10;
  for (const double speed : {0.8, 1.0, 1.25, 3.0}) {
    const Tensor moved = rows_at_speed (rows, speed);
    EXPECT_EQ (moved.size (0), int64_t (10 / speed) + 1);
    const Tensor expected =
        torch::arange (moved.size (0), torch::kFloat).unsqueeze (1) * 10 * speed;
    EXPECT_LT (largest_difference (moved, expected), 1e-4) << speed;
  }
}
