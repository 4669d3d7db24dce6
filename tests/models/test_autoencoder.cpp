// SPDX-License-Identifier: LGPL-2.1-or-later
//
// UNet and semantic encoder against the independent PyTorch implementation
// (tests/fixtures/diffae_reference.py) and against the published shapes.
#include "tests/models/autoencoder_fixture.h"

#include "models/nn/blocks.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <torch/utils.h>

namespace daetalker {
namespace {

class AutoencoderParity : public testing::TestWithParam<const char *> {
protected:
  AutoencoderFixture fixture_{GetParam ()};
};

TEST_P (AutoencoderParity, UNet)
{
  torch::NoGradGuard no_grad;
  auto out = fixture_.unet (fixture_["x"], fixture_["t"], fixture_["z"]);
  EXPECT_LT (difference (out, fixture_["unet_out"]), float32_tolerance);
}

TEST_P (AutoencoderParity, Encoder)
{
  torch::NoGradGuard no_grad;
  auto z = fixture_.encoder (fixture_["image"]);
  EXPECT_LT (difference (z, fixture_["encoder_out"]), float32_tolerance);
}

TEST_P (AutoencoderParity, UNetInBfloat16)
{
  torch::NoGradGuard no_grad;
  convert_convolutions (*fixture_.unet, torch::kBFloat16);
  auto out = fixture_.unet (fixture_["x"], fixture_["t"], fixture_["z"]);
  EXPECT_EQ (out.scalar_type (), torch::kFloat);
  auto error = relative_difference (out, fixture_["unet_out"]);
  RecordProperty ("relative_error", std::to_string (error));
  EXPECT_LT (error, bfloat16_tolerance);
  EXPECT_GT (error, 0) << "it computed in float32";
}

TEST_P (AutoencoderParity, EncoderInBfloat16)
{
  torch::NoGradGuard no_grad;
  convert_convolutions (*fixture_.encoder, torch::kBFloat16);
  auto z = fixture_.encoder (fixture_["image"]);
  EXPECT_EQ (z.scalar_type (), torch::kFloat);
  auto error = relative_difference (z, fixture_["encoder_out"]);
  EXPECT_LT (error, bfloat16_tolerance);
  EXPECT_GT (error, 0) << "it computed in float32";
}

// One step and one z serve a whole batch, and a frame does not depend on its
// neighbours in the batch.
TEST_P (AutoencoderParity, ConditionsOfOneServeABatch)
{
  torch::NoGradGuard no_grad;
  for (int64_t i = 0; i < 2; i++) {
    auto t = fixture_["t"].slice (0, i, i + 1);
    auto z = fixture_["z"].slice (0, i, i + 1);
    auto out = fixture_.unet (fixture_["x"], t, z);
    EXPECT_LT (difference (out[i], fixture_["unet_out"][i]), float32_tolerance);
    EXPECT_GT (difference (out[1 - i], fixture_["unet_out"][1 - i]), 0.01);
  }
}

// What does not depend on z may be computed once.
TEST_P (AutoencoderParity, PreparedStart)
{
  torch::NoGradGuard no_grad;
  const auto x = fixture_["x"].slice (0, 0, 1), t = fixture_["t"].slice (0, 0, 1);
  const auto start = fixture_.unet->prepare (x, t);
  const auto out = fixture_.unet->forward_from (start, fixture_["z"]);
  EXPECT_LT (difference (out[0], fixture_["unet_out"][0]), float32_tolerance);
  EXPECT_LT (
      difference (out, fixture_.unet (x.expand_as (fixture_["x"]), t, fixture_["z"])),
      float32_tolerance);
}

TEST_P (AutoencoderParity, AnyMemoryFormat)
{
  torch::NoGradGuard no_grad;
  auto x = fixture_["x"].contiguous (torch::MemoryFormat::ChannelsLast);
  auto out = fixture_.unet (x, fixture_["t"], fixture_["z"]);
  EXPECT_LT (difference (out, fixture_["unet_out"]), float32_tolerance);
  auto image = fixture_["image"].contiguous (torch::MemoryFormat::ChannelsLast);
  EXPECT_LT (difference (fixture_.encoder (image), fixture_["encoder_out"]),
             float32_tolerance);
}

// Training depends on these; the fused operators bring their own derivatives.
TEST_P (AutoencoderParity, Gradients)
{
  auto x = fixture_["x"].clone ().requires_grad_ ();
  auto z = fixture_["z"].clone ().requires_grad_ ();
  (fixture_.unet (x, fixture_["t"], z) * fixture_["x"]).sum ().backward ();
  EXPECT_LT (relative_difference (x.grad (), fixture_["grad.x"]), float32_tolerance);
  EXPECT_LT (relative_difference (z.grad (), fixture_["grad.z"]), float32_tolerance);

  std::map<std::string, torch::Tensor> parameters;
  for (const auto &item : fixture_.unet->named_parameters ())
    parameters[item.key ()] = item.value ();
  auto norms = fixture_["grad.norms"];
  ASSERT_EQ (int64_t (parameters.size ()), norms.numel ());
  auto largest = norms.max ().item<double> ();
  int64_t i = 0;
  for (const auto &[name, parameter] : parameters) {
    ASSERT_TRUE (parameter.grad ().defined ()) << name;
    auto expected = norms[i++].item<double> ();
    // A bias before a GroupNorm of one channel per group has no gradient at all:
    // there only rounding is left.
    EXPECT_NEAR (parameter.grad ().norm ().item<double> (), expected,
                 1e-3 * expected + 1e-6 * largest)
        << name;
  }
}

INSTANTIATE_TEST_SUITE_P (Shapes, AutoencoderParity, testing::Values ("small", "patched"),
                          [] (const auto &info) { return std::string (info.param); });

std::string
shape_text (const torch::Tensor &tensor)
{
  std::ostringstream text;
  for (int64_t i = 0; i < tensor.dim (); i++)
    text << (i ? "x" : "") << tensor.size (i);
  return text.str ();
}

int64_t
parameter_count (const torch::nn::Module &module)
{
  int64_t count = 0;
  for (const auto &parameter : module.parameters ())
    count += parameter.numel ();
  return count;
}

TEST (Ffhq256, HasThePublishedTensors)
{
  std::map<std::string, std::string> published;
  std::ifstream file (fixture_path ("diffae_ffhq256_keys.tsv"));
  for (std::string line; std::getline (file, line);) {
    auto tab = line.find ('\t');
    if (line.rfind ("#", 0) != 0 && tab != std::string::npos)
      published[line.substr (0, tab)] = line.substr (tab + 1);
  }
  ASSERT_EQ (published.size (), 706u);

  auto config = ffhq256_autoencoder ();
  UNet unet (config.unet);
  SemanticEncoder encoder (config.encoder);
  std::map<std::string, std::string> ours;
  for (const auto &[name, tensor] : named_weights (*unet))
    ours[name] = shape_text (tensor);
  for (const auto &[name, tensor] : named_weights (*encoder))
    ours["encoder." + name] = shape_text (tensor);
  EXPECT_EQ (ours, published);
  EXPECT_EQ (parameter_count (*unet), 138341891);
  EXPECT_EQ (parameter_count (*encoder), 30150400);
}

TEST (Ffhq128, HasThePublishedSize)
{
  auto config = ffhq256_autoencoder ();
  config.unet.image_size = config.encoder.image_size = 128;
  config.unet.channel_mult = {1, 1, 2, 3, 4};
  config.encoder.channel_mult = {1, 1, 2, 3, 4, 4};
  validate (config, "test");
  UNet unet (config.unet);
  SemanticEncoder encoder (config.encoder);
  EXPECT_EQ (parameter_count (*unet), 103871619);
  EXPECT_EQ (unet->parameters ().size (), 502u);
  EXPECT_EQ (parameter_count (*encoder), 24673536);
  EXPECT_EQ (encoder->parameters ().size (), 106u);
}

} // namespace
} // namespace daetalker
