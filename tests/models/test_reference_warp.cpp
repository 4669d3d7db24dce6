// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/reference_warp.h"

#include "models/nn/unet.h"

#include <gtest/gtest.h>
#include <torch/utils.h>

namespace daetalker {
namespace {

using torch::Tensor;

constexpr int side = 32, patch = 4, channels = 8, references = 2;
constexpr int flow_x = 0, blending = 2 * references, share = 3 * references;

// Whatever the features are, the head answers with its biases.
class ReferenceWarpTest : public testing::Test {
protected:
  ReferenceWarpTest ()
  {
    torch::manual_seed (1);
    parameters["motion.weight"].zero_ ();
    parameters["pictures"].copy_ (torch::rand ({references, 3, side, side}));
  }

  Tensor &bias () { return parameters["motion.bias"]; }
  Tensor picture (int k) { return parameters["pictures"][k]; }
  ReferenceWarpImpl::Output run ()
  {
    return warp (torch::randn ({3, channels, side / patch, side / patch}));
  }

  torch::NoGradGuard no_grad;
  ReferenceWarp warp{references, side, patch, channels};
  torch::OrderedDict<std::string, Tensor> parameters = warp->named_parameters ();
};

TEST_F (ReferenceWarpTest, WithoutFlowTheReferencesAreBlendedAsTheyAre)
{
  bias ().zero_ ();
  bias ()[blending] = std::log (3.0);
  const auto out = run ();
  ASSERT_EQ (out.picture.sizes (), torch::IntArrayRef ({3, 3, side, side}));
  const Tensor expected = 0.75 * picture (0) + 0.25 * picture (1);
  EXPECT_LT ((out.picture[2] - expected).abs ().max ().item<double> (), 1e-5);
}

// A flow of 1 is a sixteenth of the half side: one pixel of 32, to the right.
TEST_F (ReferenceWarpTest, TheFlowSaysWhereAPixelComesFrom)
{
  bias ().zero_ ();
  bias ()[blending] = 50; // the first alone
  bias ()[flow_x] = 3;
  const auto out = run ();
  const Tensor expected = picture (0).slice (2, 3, side);
  EXPECT_LT (
      (out.picture[0].slice (2, 0, side - 3) - expected).abs ().max ().item<double> (),
      1e-4);
  // Beyond the edge the edge goes on.
  EXPECT_LT ((out.picture[0].select (2, side - 1) - picture (0).select (2, side - 1))
                 .abs ()
                 .max ()
                 .item<double> (),
             1e-4);
}

TEST_F (ReferenceWarpTest, EachPixelHasItsOwnShare)
{
  bias ().zero_ ();
  bias ()[share + 5] = 2; // second row, second column of each patch
  const Tensor out = run ().share;
  ASSERT_EQ (out.sizes (), torch::IntArrayRef ({3, 1, side, side}));
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++) {
      const bool chosen = y % patch == 1 && x % patch == 1;
      EXPECT_NEAR (out[0][0][y][x].item<double> (), chosen ? 0.880797 : 0.5, 1e-5);
    }
}

UNetConfig
small_unet (int references_of_it)
{
  UNetConfig config = live_autoencoder (32).unet;
  config.image_size = side;
  config.patch = patch;
  config.references = references_of_it;
  return config;
}

TEST (UNetWithReferences, PassesFromDrawnToWarpedByTheShare)
{
  torch::NoGradGuard no_grad;
  torch::manual_seed (2);
  UNet unet (small_unet (1));
  unet->eval ();
  auto parameters = unet->named_parameters ();
  parameters["references.motion.weight"].zero_ ();
  parameters["references.pictures"].copy_ (torch::rand ({1, 3, side, side}));
  parameters["out.2.weight"].normal_ ();
  const Tensor x = torch::randn ({1, 3, side, side}), t = torch::tensor ({999.0}),
               z = torch::randn ({1, 512});
  const auto with_share = [&] (double before_sigmoid) {
    parameters["references.motion.bias"].slice (0, 3).fill_ (before_sigmoid);
    return unet (x, t, z);
  };
  const Tensor drawn = with_share (-50), warped = with_share (50), both = with_share (0);
  EXPECT_LT ((warped - parameters["references.pictures"]).abs ().max ().item<double> (),
             1e-4);
  EXPECT_GT ((drawn - warped).abs ().max ().item<double> (), 0.1);
  EXPECT_LT ((both - (drawn + warped) / 2).abs ().max ().item<double> (), 1e-4);
}

TEST (UNetWithReferences, TheConfigurationKeepsTheirNumber)
{
  AutoencoderConfig config = live_autoencoder (32);
  config.unet.references = 3;
  const nlohmann::json json = config;
  EXPECT_EQ (json.get<AutoencoderConfig> ().unet.references, 3);
  EXPECT_EQ (nlohmann::json::object ().get<AutoencoderConfig> ().unet.references, 0);
}

TEST (UNetWithReferences, NeedsX0)
{
  AutoencoderConfig config = live_autoencoder (32);
  config.unet.patch = 1;
  config.unet.references = 1;
  config.prediction = Prediction::eps;
  EXPECT_THROW (validate (config, "test"), std::exception);
  config.prediction = Prediction::x0;
  EXPECT_NO_THROW (validate (config, "test"));
}

} // namespace
} // namespace daetalker
