// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/narrow_unet.h"

#include <gtest/gtest.h>
#include <torch/utils.h>

#include "models/nn/unet.h"
#include "models/nn/weights.h"
#include "tests/models/expect_error.h"

using namespace daetalker;
using torch::Tensor;

namespace {

constexpr int width = 4;

// Levels of few channels, also two beside each other: each is a group of its norm, and
// what one channel holds changes no other's norm.
UNetConfig
config_of (const std::vector<int> &channel_mult)
{
  UNetConfig config;
  config.image_size = 16;
  config.model_channels = width;
  config.channel_mult = channel_mult;
  config.num_res_blocks = 1;
  config.attention_resolutions = {};
  config.middle_attention = false;
  config.embed_channels = 12;
  config.style_channels = 6;
  return config;
}

const UNetConfig wide = config_of ({2, 3}), narrow = config_of ({1, 2});

// Rows of zeros for the channels out that a narrow level lacks: of each of `parts` parts
// of the rows.
void
silence (Tensor rows, int64_t parts)
{
  const int64_t all = rows.size (0) / parts;
  const int64_t kept = all == 2 * width ? width : 2 * width;
  for (int64_t part = 0; part < parts; part++)
    rows.narrow (0, part * all + kept, all - kept).zero_ ();
}

// A UNet whose channels that the narrow one lacks are always zero.
UNet
half_silent ()
{
  torch::manual_seed (1);
  UNet unet (wide);
  unet->eval ();
  const torch::NoGradGuard no_gradient;
  for (const auto &item : unet->named_parameters ()) {
    Tensor weight = item.value ();
    const std::string &name = item.key ();
    const bool is_norm = name.find ("layers.0.") != std::string::npos;
    if (is_norm || name.rfind ("out.0.", 0) == 0)
      continue; // adds nothing
    weight.normal_ (0, 0.2);
    if (name.rfind ("out.2.", 0) == 0 || name.rfind ("time_embed.", 0) == 0)
      continue; // as many in both
    silence (weight, name.find (".emb_layers.") != std::string::npos ? 2 : 1);
  }
  return unet;
}

TensorMap
autoencoder_of (const UNet &unet)
{
  TensorMap weights = {{"encoder.bias", torch::ones ({1})}};
  add_with_prefix (weights, named_weights (*unet), "unet.");
  return weights;
}

} // namespace

TEST (NarrowUNet, DrawsWhatTheFirstChannelsDrew)
{
  UNet from = half_silent ();
  const TensorMap weights = narrowed_unet (autoencoder_of (from), wide, narrow, "test");
  EXPECT_EQ (weights.at ("encoder.bias").item<float> (), 1);
  UNet to (narrow);
  to->eval ();
  load_weights (*to, without_prefix (weights, "unet."), "test");

  const torch::NoGradGuard no_gradient;
  const Tensor x = torch::randn ({2, 3, 16, 16}), t = torch::tensor ({40.f, 700.f});
  const Tensor z = torch::randn ({2, 6});
  const Tensor drawn = from->forward (x, t, z);
  EXPECT_GT (drawn.std ().item<float> (), 0.1);
  EXPECT_LT ((to->forward (x, t, z) - drawn).abs ().max ().item<float> (), 1e-4);
}

// A level's first block has a skip where its widths differ.
TEST (NarrowUNet, SkipThatIsNewPassesAllOn)
{
  UNetConfig equal = config_of ({2, 2});
  const TensorMap weights =
      narrowed_unet (autoencoder_of (UNet (equal)), equal, narrow, "test");
  const Tensor skip = weights.at ("unet.input_blocks.3.0.skip_connection.weight");
  EXPECT_TRUE (torch::equal (skip.flatten (1), torch::eye (2 * width, width)));
}

TEST (NarrowUNet, SameChannelsStayAsTheyAre)
{
  UNet unet (wide);
  const TensorMap weights = autoencoder_of (unet);
  const TensorMap same = narrowed_unet (weights, wide, wide, "test");
  ASSERT_EQ (same.size (), weights.size ());
  for (const auto &[name, weight] : weights)
    EXPECT_TRUE (same.at (name).is_same (weight)) << name;
}

TEST (NarrowUNet, RefusesWhatIsNotNarrower)
{
  const TensorMap weights = autoencoder_of (UNet (narrow));
  EXPECT_ERROR (narrowed_unet (weights, narrow, wide, "a file"), ErrorCode::wrong_model,
                "more channels");
  UNetConfig deeper = config_of ({1, 1});
  deeper.num_res_blocks = 2;
  EXPECT_ERROR (narrowed_unet (weights, narrow, deeper, "a file"), ErrorCode::wrong_model,
                "more than its channels");
  // Not of the shape that they are said to be of.
  EXPECT_ERROR (narrowed_unet (weights, wide, config_of ({1, 1}), "a file"),
                ErrorCode::wrong_model, "a file");
}
