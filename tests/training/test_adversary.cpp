// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/adversary.h"

#include <gtest/gtest.h>
#include <torch/utils.h>

namespace daetalker {
namespace {

using torch::Tensor;

constexpr int64_t side = 32;

AdversaryOptions
small_adversary ()
{
  AdversaryOptions options;
  options.crop = 24;
  options.learning_rate = 1e-3;
  return options;
}

Tensor
sharp_pictures ()
{
  return torch::rand ({4, 3, side, side}) * 2 - 1;
}

Tensor
blurred (const Tensor &pictures)
{
  return torch::avg_pool2d (pictures, 3, 1, 1);
}

TEST (Adversary, LearnsToTellBlurredFromSharp)
{
  torch::manual_seed (1);
  Adversary adversary (small_adversary (), torch::kFloat, 1);
  double first = 0;
  for (int i = 0; i < 30; i++) {
    const Tensor real = sharp_pictures ();
    adversary.judge (blurred (real), real);
    if (i == 0)
      first = adversary.loss ();
  }
  EXPECT_GT (first, 0.2);
  EXPECT_LT (adversary.loss (), 0.1);
}

// Following its slope makes the picture more like the real one: features are matched.
TEST (Adversary, ItsSlopeLeadsTowardsTheRealPicture)
{
  torch::manual_seed (2);
  Adversary adversary (small_adversary (), torch::kFloat, 2);
  const Tensor real = sharp_pictures ();
  for (int i = 0; i < 10; i++)
    adversary.judge (blurred (real), real);
  Tensor made = blurred (real);
  const Tensor slope = adversary.judge (made, real);
  ASSERT_EQ (slope.sizes (), made.sizes ());
  EXPECT_GT ((slope * (made - real)).sum ().item<double> (), 0);
  // Only what it saw is judged.
  const double seen = slope.ne (0).to (torch::kFloat).mean ().item<double> ();
  EXPECT_NEAR (seen, 24.0 * 24 / (side * side), 0.02);
}

TEST (Adversary, GoesOnFromItsState)
{
  torch::manual_seed (3);
  const Tensor real = sharp_pictures (), made = blurred (real);
  AdversaryOptions whole = small_adversary ();
  whole.crop = side; // nothing random in what it sees
  Adversary first (whole, torch::kFloat, 3), second (whole, torch::kFloat, 4);
  for (int i = 0; i < 3; i++)
    first.judge (made, real);
  TensorMap state;
  for (const auto &[name, tensor] : first.state ())
    state[name] = tensor.clone ();
  second.load_state (state, first.steps (), "state");
  const Tensor a = first.judge (made, real), b = second.judge (made, real);
  EXPECT_LT ((a - b).abs ().max ().item<double> (), 1e-6);
  EXPECT_EQ (first.steps (), second.steps ());
}

} // namespace
} // namespace daetalker
