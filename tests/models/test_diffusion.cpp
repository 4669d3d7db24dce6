// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The diffusion schedule, DDIM and its inversion against the independent PyTorch
// implementation (tests/fixtures/diffae_reference.py) and against their own laws.
#include "tests/models/autoencoder_fixture.h"

#include "models/engine.h"
#include "models/nn/diffusion.h"

#include <algorithm>
#include <cmath>
#include <torch/utils.h>
#include <vector>

namespace daetalker {
namespace {

TensorMap
schedule_fixture ()
{
  return load_tensors (fixture_path ("autoencoder_schedule.safetensors"));
}

TEST (Schedule, TimestepsAndAlphas)
{
  auto fixture = schedule_fixture ();
  const auto &alphas = alphas_cumprod ();
  ASSERT_EQ (alphas.size (), 1000u);
  for (int steps : {5, 10, 20, 50, 100}) {
    auto suffix = std::to_string (steps);
    auto expected_t = fixture.at ("timesteps" + suffix);
    auto expected_alpha = fixture.at ("alpha_bar" + suffix);
    auto timesteps = ddim_timesteps (steps);
    ASSERT_EQ (int (timesteps.size ()), steps);
    std::sort (timesteps.begin (), timesteps.end ());
    for (int i = 0; i < steps; i++) {
      EXPECT_EQ (timesteps[i], expected_t[i].item<int64_t> ()) << steps;
      auto alpha = expected_alpha[i].item<double> ();
      EXPECT_NEAR (alphas[timesteps[i]], alpha, 1e-12 * alpha) << steps << ' ' << i;
    }
  }
}

TEST (Schedule, OnlyThePublishedCounts)
{
  auto counts = schedule_fixture ().at ("possible_counts");
  std::vector<int> expected;
  for (int64_t i = 0; i < counts.numel (); i++)
    expected.push_back (counts[i].item<int> ());
  for (int steps = -1; steps <= 1002; steps++) {
    auto possible = std::binary_search (expected.begin (), expected.end (), steps);
    EXPECT_EQ (is_ddim_count (steps), possible) << steps;
    if (possible)
      continue;
    try {
      ddim_timesteps (steps);
      ADD_FAILURE () << steps << " steps have no spacing";
    } catch (const Error &error) {
      EXPECT_EQ (error.code (), ErrorCode::wrong_model);
      EXPECT_NE (std::string (error.what ()).find (std::to_string (steps)),
                 std::string::npos)
          << error.what ();
    }
  }
  expected.insert (expected.begin (), 1);
  EXPECT_EQ (supported_steps (), expected);
}

class DiffusionParity : public testing::TestWithParam<const char *> {
protected:
  // The fixture's UNet given its first z, keeping every picture it is asked about.
  Denoiser denoiser ()
  {
    return [this] (const torch::Tensor &x, const torch::Tensor &t) {
      states_.push_back (x);
      times_.push_back (t.item<double> ());
      return fixture_.unet (x, t, fixture_["z"].slice (0, 0, 1));
    };
  }

  torch::NoGradGuard no_grad_;
  AutoencoderFixture fixture_{GetParam ()};
  std::vector<torch::Tensor> states_;
  std::vector<double> times_;
};

TEST_P (DiffusionParity, Sampling)
{
  int compared = 0;
  for (int steps : {5, 10, 20, 100}) {
    auto prefix = "sample" + std::to_string (steps);
    if (!fixture_.tensors.count (prefix + ".last"))
      continue;
    states_.clear ();
    times_.clear ();
    auto last = ddim_sample (denoiser (), fixture_["x"].slice (0, 0, 1), steps,
                             fixture_.config.prediction);
    ASSERT_EQ (int (states_.size ()), steps);
    EXPECT_TRUE (std::is_sorted (times_.rbegin (), times_.rend ()));
    EXPECT_EQ (times_.back (), 0);
    EXPECT_LT (difference (states_[1], fixture_[prefix + ".first"]), float32_tolerance)
        << steps;
    EXPECT_LT (difference (last, fixture_[prefix + ".last"]), float32_tolerance) << steps;
    compared++;
  }
  EXPECT_GE (compared, 2);
}

TEST_P (DiffusionParity, Inversion)
{
  auto last = ddim_invert (denoiser (), fixture_["image"].slice (0, 0, 1), 20,
                           fixture_.config.prediction);
  ASSERT_EQ (states_.size (), 20u);
  EXPECT_EQ (times_.front (), 0);
  EXPECT_TRUE (std::is_sorted (times_.begin (), times_.end ()));
  EXPECT_LT (difference (states_[1], fixture_["invert20.first"]), float32_tolerance);
  EXPECT_LT (difference (states_.back (), fixture_["invert20.before_last"]),
             float32_tolerance);
  EXPECT_LT (difference (last, fixture_["invert20.last"]), float32_tolerance);
}

TEST_P (DiffusionParity, OneStepIsOneEvaluationAtTheEnd)
{
  auto noise = fixture_["x"].slice (0, 0, 1);
  auto picture = ddim_sample (denoiser (), noise, 1, fixture_.config.prediction);
  ASSERT_EQ (times_, std::vector<double>{999});
  auto out = fixture_.unet (noise, torch::tensor ({999}), fixture_["z"].slice (0, 0, 1));
  auto expected = predict_x0 (noise, out, 999, fixture_.config.prediction);
  EXPECT_LT (difference (picture, expected), float32_tolerance);
}

INSTANTIATE_TEST_SUITE_P (Shapes, DiffusionParity, testing::Values ("small", "patched"),
                          [] (const auto &info) { return std::string (info.param); });

// x_t = sqrt(a) x0 + sqrt(1-a) eps must give x0 back, whatever the network's output
// stands for, and the clamp must be felt.
TEST (PredictX0, UndoesTheDiffusion)
{
  torch::manual_seed (1);
  auto x0 = torch::rand ({1, 3, 8, 8}) * 3 - 1.5;
  auto eps = torch::randn ({1, 3, 8, 8});
  for (int t : {0, 10, 500, 999}) {
    auto alpha = alphas_cumprod ()[t];
    auto x = std::sqrt (alpha) * x0 + std::sqrt (1 - alpha) * eps;
    // float32's rounding of x, seen through 1 / sqrt(alpha).
    auto tolerance = 1e-6 / std::sqrt (alpha);
    EXPECT_LT (difference (predict_x0 (x, eps, t, Prediction::eps, false), x0),
               tolerance);
    EXPECT_LT (difference (predict_x0 (x, eps, t, Prediction::eps), x0.clamp (-1, 1)),
               tolerance);
    EXPECT_TRUE (predict_x0 (x, x0, t, Prediction::x0, false).equal (x0));
    EXPECT_TRUE (predict_x0 (x, x0, t, Prediction::x0).equal (x0.clamp (-1, 1)));
  }
}

// A network that knows the picture must lead every count of steps to it.
TEST (Ddim, AnOracleIsFollowed)
{
  torch::manual_seed (2);
  auto picture = torch::rand ({2, 3, 8, 8}) * 2 - 1;
  auto noise = torch::randn ({2, 3, 8, 8});
  Denoiser knows_x0 = [&] (const torch::Tensor &, const torch::Tensor &) {
    return picture;
  };
  Denoiser knows_eps = [&] (const torch::Tensor &x, const torch::Tensor &t) {
    auto alpha = alphas_cumprod ()[t.item<int> ()];
    return (x - std::sqrt (alpha) * picture) / std::sqrt (1 - alpha);
  };
  for (int steps : supported_steps ()) {
    if (steps > 200)
      continue;
    EXPECT_LT (difference (ddim_sample (knows_x0, noise, steps, Prediction::x0), picture),
               float32_tolerance)
        << steps;
    EXPECT_LT (
        difference (ddim_sample (knows_eps, noise, steps, Prediction::eps), picture),
        1e-3)
        << steps;
  }
}

// For pictures drawn from a Gaussian the best network is known in closed form; with it
// inversion must give white noise, and sampling from that noise the picture.
TEST (Ddim, InversionLeadsBack)
{
  torch::manual_seed (3);
  const double variance = 0.04; // small, so that nothing is clamped
  auto picture = std::sqrt (variance) * torch::randn ({1, 3, 32, 32});
  Denoiser best = [&] (const torch::Tensor &x, const torch::Tensor &t) {
    auto alpha = alphas_cumprod ()[t.item<int> ()];
    return x * std::sqrt (1 - alpha) / (alpha * variance + 1 - alpha);
  };
  auto round_trip_error = [&] (int steps) {
    auto noise = ddim_invert (best, picture, steps, Prediction::eps);
    EXPECT_NEAR (noise.std ().item<double> (), 1, 0.05);
    auto back = ddim_sample (best, noise, steps, Prediction::eps);
    return relative_difference (back, picture);
  };
  // DDIM is a method of first order: twice the steps, half the error.
  auto coarse = round_trip_error (250);
  auto fine = round_trip_error (500);
  EXPECT_LT (fine, 0.03);
  EXPECT_NEAR (fine / coarse, 0.5, 0.1);
}

TEST (Ddim, InputsAreLeftAlone)
{
  auto noise = torch::randn ({1, 3, 8, 8});
  auto copy = noise.clone ();
  Denoiser zero = [] (const torch::Tensor &x, const torch::Tensor &) {
    return torch::zeros_like (x);
  };
  ddim_sample (zero, noise, 5, Prediction::eps);
  ddim_invert (zero, noise, 5, Prediction::eps);
  EXPECT_TRUE (noise.equal (copy));
}

} // namespace
} // namespace daetalker
