// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/eigenfaces.h"

#include "models/nn/unet.h"

#include "expect_error.h"

#include <gtest/gtest.h>
#include <torch/utils.h>

#include "tests/models/tolerance.h"

namespace daetalker {
namespace {

using torch::Tensor;

constexpr int face_side = 32, count = 6;
constexpr int64_t row_size = face_side * face_side * 3 / 8;

class EigenfacesTest : public testing::Test {
protected:
  EigenfacesTest () { torch::manual_seed (3); }

  // Rows that `rank` directions span, and no other.
  static Tensor rows_of_rank (int64_t frames, int64_t rank)
  {
    return 0.3 +
           0.1 *
               torch::randn ({frames, rank}).matmul (torch::randn ({rank, row_size}) / 6);
  }

  Tensor again (const Tensor &z)
  {
    const auto planes = eigenfaces->decode (z);
    return torch::cat ({planes.brightness.flatten (1), planes.colour.flatten (1)}, 1);
  }

  torch::NoGradGuard no_grad;
  Eigenfaces eigenfaces{face_side, count};
};

// Enlarging is no inverse of shrinking; but for pictures without detail it is.
TEST_F (EigenfacesTest, TheRowsOfAFlatPictureAreItsBrightnessAndColour)
{
  Tensor picture = torch::zeros ({1, 3, face_side, face_side});
  picture.select (1, 0).fill_ (1); // red, with black for green and blue
  picture.slice (1, 1).fill_ (-1);
  const Tensor row = eigenfaces->rows (picture)[0];
  ASSERT_EQ (row.numel (), row_size);
  const int64_t half = face_side * face_side / 4, quarter = face_side * face_side / 16;
  EXPECT_LT (largest (row.slice (0, 0, half) - (2 * 0.299 - 1)), 1e-5);
  EXPECT_LT (largest (row.slice (0, half, half + quarter) + 2 * 0.168736), 1e-5);
  EXPECT_LT (largest (row.slice (0, half + quarter) - 1), 1e-5);

  EigenfacesImpl::Planes planes;
  planes.brightness = row.slice (0, 0, half).view ({1, 1, face_side / 2, face_side / 2});
  planes.colour = row.slice (0, half).view ({1, 2, face_side / 4, face_side / 4});
  EXPECT_LT (largest (eigenfaces->picture (planes) - picture), 1e-4);
}

TEST_F (EigenfacesTest, WhatTheComponentsSpanComesBack)
{
  const Tensor rows = rows_of_rank (40, count);
  eigenfaces->fit (rows, torch::rand ({row_size}) + 0.5);
  const auto named = eigenfaces->named_buffers ();
  const Tensor directions = named["directions"], weights = named["weights"];
  // As encode() does, from rows in place of pictures.
  const Tensor z = ((rows - named["mean"]) * weights).matmul (directions.t ()) /
                   named["deviations"].pow (2);
  EXPECT_LT (largest (again (z) - rows), 2e-3); // float16
  EXPECT_LT (largest (z.mean (0)), 0.02);
  EXPECT_LT (largest (z.pow (2).mean (0) - 1), 0.02);
}

TEST_F (EigenfacesTest, TheLargestComponentsAreKeptAndLargestFirst)
{
  Tensor spread = torch::zeros ({row_size});
  for (int64_t i = 0; i < 2 * count; i++)
    spread[i * 20] = std::pow (0.8, double (i));
  eigenfaces->fit (torch::randn ({400, row_size}) * spread, torch::ones ({row_size}));
  const Tensor directions = eigenfaces->named_buffers ()["directions"];
  for (int64_t i = 0; i < count; i++)
    EXPECT_NEAR (directions[i].norm ().item<double> (), std::pow (0.8, double (i)), 0.12);
  for (int64_t i = 1; i < count; i++)
    EXPECT_LE (directions[i].norm ().item<double> (),
               directions[i - 1].norm ().item<double> () + 1e-3);
}

// What counts most is fitted first: three numbers take at most three components.
TEST_F (EigenfacesTest, WeightsSayWhereErrorsCount)
{
  const Tensor rows = rows_of_rank (60, 4 * count);
  const auto error_of_first = [&] (double weight) {
    Tensor weights = torch::ones ({row_size});
    weights.slice (0, 0, 3).fill_ (weight);
    eigenfaces->fit (rows, weights);
    const auto named = eigenfaces->named_buffers ();
    const Tensor z =
        ((rows - named["mean"]) * named["weights"]).matmul (named["directions"].t ()) /
        named["deviations"].pow (2);
    return (again (z) - rows).slice (1, 0, 3).pow (2).mean ().item<double> ();
  };
  EXPECT_LT (error_of_first (1000), 0.05 * error_of_first (1));
}

TEST_F (EigenfacesTest, PackedTheyDecodeTheSame)
{
  eigenfaces->fit (rows_of_rank (40, count), torch::ones ({row_size}));
  const Tensor z = torch::randn ({3, count}), before = again (z);
  eigenfaces->settle ();
  EXPECT_LT (largest (again (z) - before), 2e-3) << "a quarter of a grey level";
  EXPECT_GT (largest (again (z) - before), 0) << "nothing was packed";
  const Tensor one = z.slice (0, 0, 1);
  EXPECT_EQ (largest (again (one) - again (one)), 0) << "something was changed";
}

UNetConfig
small_unet ()
{
  UNetConfig config = eigenface_autoencoder (32).unet;
  config.image_size = face_side;
  config.style_channels = count;
  config.channel_mult = {1, 2};
  return config;
}

// A fresh UNet's last convolution is zero: nothing is added yet.
TEST_F (EigenfacesTest, TheUNetCompletesThePictureThatZStandsFor)
{
  UNet unet (small_unet ());
  unet->eval ();
  unet->eigenfaces ()->fit (rows_of_rank (30, 12), torch::ones ({row_size}));
  const Tensor x = torch::randn ({2, 3, face_side, face_side}),
               t = torch::tensor ({999.0}), z = torch::randn ({2, count});
  const Tensor linear = unet->eigenfaces ()->picture (unet->eigenfaces ()->decode (z));
  EXPECT_LT (largest (unet (x, t, z) - linear), 1e-6);

  unet->named_parameters ()["out.2.weight"].normal_ ();
  const Tensor drawn = unet (x, t, z) - linear;
  EXPECT_GT (largest (drawn), 0.1);
  const auto start = unet->prepare (x.slice (0, 0, 1), t);
  EXPECT_LT (largest (unet->forward_from (start, z)[0] - unet (x, t, z)[0]), 1e-4);
  // One z for a whole batch is the same as each its own.
  const Tensor first = z.slice (0, 0, 1);
  EXPECT_LT (largest (unet (x, t, first) - unet (x, t, first.expand ({2, -1}))), 3e-5);
}

TEST (EigenfaceConfig, IsKeptAndHasNoEncoder)
{
  const AutoencoderConfig config = eigenface_autoencoder (32);
  validate (config, "test");
  const nlohmann::json json = config;
  EXPECT_FALSE (json.contains ("encoder"));
  EXPECT_TRUE (json.get<AutoencoderConfig> ().unet.eigenfaces);
  EXPECT_FALSE (nlohmann::json::object ().get<AutoencoderConfig> ().unet.eigenfaces);
}

TEST (EigenfaceConfig, WantsPatchesOfFourAndPredictsPictures)
{
  AutoencoderConfig config = eigenface_autoencoder (32);
  config.unet.patch = 2;
  EXPECT_ERROR (validate (config, "test"), ErrorCode::corrupt, "patch that 4 divides");
  config = eigenface_autoencoder (32);
  config.prediction = Prediction::eps;
  EXPECT_ERROR (validate (config, "test"), ErrorCode::corrupt, "must predict x0");
}

// What of a change lies within a mask, and how much that is of the picture.
TEST_F (EigenfacesTest, WithinEverythingIsTheWholeChange)
{
  eigenfaces->fit (rows_of_rank (200, count + 4), torch::ones ({row_size}));
  const Tensor all = eigenfaces->within (torch::ones ({face_side / 2, face_side / 2}));
  EXPECT_LT (largest (all - torch::eye (count)), 2e-2); // of float16's directions
  EXPECT_EQ (largest (eigenfaces->within (torch::zeros ({face_side / 2, face_side / 2}))),
             0);
}

TEST_F (EigenfacesTest, WithinAHalfIsTheNearestChangeOfThatHalf)
{
  eigenfaces->fit (rows_of_rank (200, count + 4), torch::ones ({row_size}));
  Tensor mask = torch::zeros ({face_side / 2, face_side / 2});
  mask.slice (0, face_side / 4) = 1;
  const Tensor change = torch::randn ({1, count});
  const Tensor part = change.matmul (eigenfaces->within (mask));
  const Tensor wanted =
      (again (change) - again (torch::zeros ({1, count}))) *
      torch::cat ({mask.flatten (), torch::avg_pool2d (mask.unsqueeze (0), 2).flatten (),
                   torch::avg_pool2d (mask.unsqueeze (0), 2).flatten ()});
  const auto error = [&] (const Tensor &z) {
    return (again (z) - again (torch::zeros ({1, count})) - wanted)
        .square ()
        .sum ()
        .item<double> ();
  };
  EXPECT_LT (error (part), error (change));
  for (int i = 0; i < count; i++) {
    Tensor other = part.clone ();
    other[0][i] += 0.2;
    EXPECT_LT (error (part), error (other)) << i;
  }
}

} // namespace
} // namespace daetalker
