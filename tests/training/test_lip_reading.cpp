// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/lip_reading.h"

#include <gtest/gtest.h>
#include <torch/utils.h>

using daetalker::LipReading;
using torch::Tensor;

// Lips that are a linear function of three of eight numbers are read without error.
TEST (LipReading, FindsTheMap)
{
  torch::manual_seed (1);
  const Tensor latents = torch::randn ({2000, 8}) + 2;
  Tensor map = torch::randn ({8, 40});
  map.slice (0, 3).zero_ ();
  const Tensor lips = latents.mm (map) * 3 - 1;
  const LipReading reading (latents, lips);
  EXPECT_GT (reading.explained (), 0.999);
  EXPECT_LT (reading.error (latents, lips).max ().item<double> (), 0.01);
  // What moves no lips is no error; what moves them is.
  Tensor other = latents.clone ();
  other.slice (1, 3) += 1;
  EXPECT_LT (reading.error (other, lips).max ().item<double> (), 0.01);
  other = latents.clone ();
  other.slice (1, 0, 3) += 1;
  EXPECT_GT (reading.error (other, lips).mean ().item<double> (), 0.5);
}

TEST (LipReading, LipsThatNeverMoveAreAllWrong)
{
  torch::manual_seed (2);
  const Tensor latents = torch::randn ({4000, 4});
  const Tensor lips = latents.mm (torch::randn ({4, 40}));
  const LipReading reading (latents, lips);
  const Tensor still = latents.mean (0, true).expand_as (latents);
  EXPECT_NEAR (reading.error (still, lips).mean ().item<double> (), 1, 0.01);
}

TEST (LipReading, OpeningIsBetweenTheInnerLips)
{
  Tensor points = torch::zeros ({2, 20, 2});
  for (int landmark : {65, 66, 67})
    points[1][landmark - 48][1] = 9;
  points[1][60 - 48][1] = 100; // a corner
  const Tensor opening = daetalker::mouth_opening (points.flatten (1));
  EXPECT_EQ (opening[0].item<float> (), 0);
  EXPECT_EQ (opening[1].item<float> (), 9);
}
