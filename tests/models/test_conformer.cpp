// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Conformer blocks against torchaudio's own and against ESPnet's arithmetic.
#include "tests/models/speech_fixture.h"

#include "models/nn/conformer.h"
#include "models/nn/weights.h"

#include <torch/utils.h>

namespace daetalker {
namespace {

struct Case {
  const char *name;
  bool espnet;
  ConformerConfig config;
};

ConformerConfig
torchaudio_case (bool conv_bias, ConvNorm norm, bool convolution_first)
{
  ConformerConfig config = torchaudio_conformer ();
  config.size = 24;
  config.heads = 4;
  config.feed_forward = 48;
  config.kernel = 7;
  config.blocks = 2;
  config.conv_bias = conv_bias;
  config.conv_norm = norm;
  config.convolution_first = convolution_first;
  return config;
}

ConformerConfig
espnet_case (bool pre_norm, bool macaron)
{
  ConformerConfig config = espnet_conformer ();
  config.size = 24;
  config.heads = 2;
  config.feed_forward = 40;
  config.kernel = 5;
  config.blocks = 2;
  config.pre_norm = pre_norm;
  config.macaron = macaron;
  return config;
}

class ConformerParity : public testing::TestWithParam<Case> {
protected:
  void SetUp () override
  {
    const std::string file =
        speech_fixture (std::string ("conformer_") + GetParam ().name + ".safetensors");
    tensors_ = load_tensors (file);
    model_ = Conformer (GetParam ().config);
    load_weights (*model_,
                  squeeze_pointwise (GetParam ().espnet ? from_espnet (tensors_)
                                                        : from_torchaudio (tensors_)),
                  file);
    model_->eval ();
  }

  // The mask of the second expected output, and that output at the frames that the
  // mask leaves alone.
  torch::Tensor mask () const
  {
    if (GetParam ().espnet)
      return tensors_.at ("mask").to (torch::kBool);
    const auto frames = torch::arange (tensors_.at ("input").size (1));
    return (frames < tensors_.at ("lengths").unsqueeze (1)).unsqueeze (1); // [B, 1, T]
  }

  TensorMap tensors_;
  Conformer model_{nullptr};
};

TEST_P (ConformerParity, Whole)
{
  torch::NoGradGuard no_grad;
  const auto out = model_ (tensors_.at ("input"));
  EXPECT_LT (largest_difference (out, tensors_.at ("whole")), float32_tolerance);
}

TEST_P (ConformerParity, Masked)
{
  torch::NoGradGuard no_grad;
  const auto &expected = tensors_.at (GetParam ().espnet ? "masked" : "padded");
  const auto out = model_ (tensors_.at ("input"), mask ());
  EXPECT_LT (largest_difference (out, expected), float32_tolerance);
  EXPECT_GT (largest_difference (tensors_.at ("whole"), expected), 0.01)
      << "the fixture's mask changes nothing";
}

TEST_P (ConformerParity, InBfloat16)
{
  torch::NoGradGuard no_grad;
  model_->to (torch::kBFloat16);
  const auto out = model_ (tensors_.at ("input").to (torch::kBFloat16));
  EXPECT_EQ (out.scalar_type (), torch::kBFloat16);
  EXPECT_LT (relative_error (out, tensors_.at ("whole")), bfloat16_tolerance);
}

INSTANTIATE_TEST_SUITE_P (
    Upstream, ConformerParity,
    testing::Values (
        Case{"torchaudio", false, torchaudio_case (true, ConvNorm::batch, false)},
        Case{"torchaudio_nobias", false, torchaudio_case (false, ConvNorm::batch, false)},
        Case{"torchaudio_group_first", false,
             torchaudio_case (true, ConvNorm::group, true)},
        Case{"espnet", true, espnet_case (false, true)},
        Case{"espnet_prenorm", true, espnet_case (true, false)}),
    [] (const auto &info) { return std::string (info.param.name); });

// Layer norm in the convolution module is ours: it has no upstream.
TEST (Conformer, LayerNormLooksAtOneFrameOnly)
{
  torch::NoGradGuard no_grad;
  torch::manual_seed (1);
  ConformerConfig config = espnet_case (false, true);
  config.conv_norm = ConvNorm::layer;
  config.kernel = 3;
  config.blocks = 1;
  Conformer model (config);
  model->eval ();
  // Every frame looks at itself alone, so a change reaches one frame on each side.
  const auto mask = torch::eye (11, torch::kBool).unsqueeze (0);
  auto x = torch::randn ({1, 11, config.size});
  const auto before = model (x, mask);
  x = x.clone ();
  x[0][5] += 1.0;
  const auto changed = (model (x, mask) - before).abs ().amax (2)[0];
  for (int64_t frame = 0; frame < 11; frame++) {
    const double change = changed[frame].item<double> ();
    if (frame >= 4 && frame <= 6)
      EXPECT_GT (change, 1e-3) << frame;
    else
      EXPECT_LT (change, 1e-5) << frame;
  }
}

TEST (Conformer, MaskKeepsFramesApart)
{
  torch::NoGradGuard no_grad;
  torch::manual_seed (2);
  ConformerConfig config = espnet_case (false, true);
  config.conv_norm = ConvNorm::layer;
  config.kernel = 1;
  Conformer model (config);
  model->eval ();
  const auto x = torch::randn ({1, 9, config.size});
  // A frame that may look nowhere is a number all the same.
  const auto nowhere = torch::zeros ({1, 9, 9}, torch::kBool);
  EXPECT_TRUE (model (x, nowhere).isfinite ().all ().item<bool> ());

  const auto causal = torch::ones ({9, 9}, torch::kBool).tril ().unsqueeze (0);
  auto changed = x.clone ();
  changed.narrow (1, 6, 3).normal_ ();
  EXPECT_EQ (largest_difference (model (changed, causal).narrow (1, 0, 6),
                                 model (x, causal).narrow (1, 0, 6)),
             0.0);
}

// What comes later changes nothing, whatever else is masked.
TEST (Conformer, CausalSeesNoLaterFrame)
{
  torch::NoGradGuard no_grad;
  torch::manual_seed (4);
  ConformerConfig config = espnet_case (false, true);
  config.conv_norm = ConvNorm::layer;
  config.kernel = 5;
  config.causal = true;
  Conformer model (config);
  model->eval ();
  const auto x = torch::randn ({2, 9, config.size});
  auto changed = x.clone ();
  changed.narrow (1, 6, 3).normal_ ();
  const auto all = torch::ones ({1, 9, 9}, torch::kBool);
  for (const auto &mask : {torch::Tensor (), all}) {
    const auto before = model (x, mask), after = model (changed, mask);
    EXPECT_EQ (largest_difference (after.narrow (1, 0, 6), before.narrow (1, 0, 6)), 0.0);
    EXPECT_GT (largest_difference (after[0][6], before[0][6]), 1e-3);
  }
  // and what came before does, as far back as the stream goes
  changed = x.clone ();
  changed[0][0] += 1;
  EXPECT_GT (largest_difference (model (changed)[0][8], model (x)[0][8]), 1e-5);
}

// Frame by frame, several at once, or whole: a frame is the same, and it looks back so
// far and no further.
TEST (Conformer, AStreamGoesOnWithWhatItKept)
{
  torch::NoGradGuard no_grad;
  torch::manual_seed (5);
  for (const bool relative : {true, false})
    for (const auto norm : {ConvNorm::layer, ConvNorm::batch}) {
      ConformerConfig config = espnet_case (relative, true);
      config.relative_positions = relative;
      config.conv_norm = norm;
      config.causal = true;
      ASSERT_TRUE (ConformerImpl::has_past (config));
      Conformer model (config);
      model->eval ();
      const int64_t frames = 23;
      for (const int64_t batch : {2, 1}) {
        const auto x = torch::randn ({batch, frames, config.size});
        for (const int64_t left : {0, 1, 6, 100}) {
          const auto seen = torch::ones ({1, frames, frames}, torch::kBool).triu (-left);
          const auto whole = model (x, seen);
          settle (*model);
          for (const int64_t step : {1, 4, 16, 17, 23}) {
            ConformerImpl::Past past;
            past.left = left;
            std::vector<torch::Tensor> parts;
            for (int64_t i = 0; i < frames; i += step)
              parts.push_back (model->go_on (x.slice (1, i, i + step), past));
            EXPECT_LT (largest_difference (torch::cat (parts, 1), whole),
                       float32_tolerance)
                << "left " << left << ", " << step << " at once, batch " << batch;
          }
        }
      }
    }
}

// By few rows and by many, of a width that is no whole number of lanes, without a bias.
TEST (Conformer, AStreamGoesOnHoweverItIsCut)
{
  torch::NoGradGuard no_grad;
  torch::manual_seed (6);
  ConformerConfig config = espnet_case (true, true);
  config.size = 22;
  config.conv_norm = ConvNorm::layer;
  config.conv_bias = false;
  config.causal = true;
  Conformer model (config);
  model->eval ();
  const auto x = torch::randn ({1, 46, config.size});
  const auto whole = model (x, torch::ones ({1, 46, 46}, torch::kBool).triu (-9));
  settle (*model);
  ConformerImpl::Past past;
  past.left = 9;
  std::vector<torch::Tensor> parts;
  for (const auto &part : x.split_with_sizes ({1, 2, 18, 1, 3, 20, 1}, 1))
    parts.push_back (model->go_on (part, past));
  EXPECT_LT (largest_difference (torch::cat (parts, 1), whole), float32_tolerance);
}

TEST (Conformer, NoStreamWhereFramesSeeLaterOnes)
{
  ConformerConfig config = espnet_conformer ();
  EXPECT_FALSE (ConformerImpl::has_past (config));
  config.causal = true;
  EXPECT_TRUE (ConformerImpl::has_past (config));
  config.conv_norm = ConvNorm::group; // over all frames
  EXPECT_FALSE (ConformerImpl::has_past (config));
}

// A block of the published size (DiffDub's checkpoint: 3,165,696 numbers).
TEST (Conformer, PublishedSize)
{
  ConformerConfig config = espnet_conformer ();
  config.blocks = 1;
  int64_t count = 0;
  for (const auto &parameter : Conformer (config)->parameters ())
    count += parameter.numel ();
  EXPECT_EQ (count, 3165696);
}

TEST (Conformer, GradientReachesEveryParameter)
{
  torch::manual_seed (3);
  ConformerConfig config = espnet_case (false, true);
  config.conv_norm = ConvNorm::layer;
  Conformer model (config);
  model->train ();
  const auto target = torch::randn ({3, 8, config.size});
  torch::mse_loss (model (torch::randn ({3, 8, config.size})), target).backward ();
  for (const auto &parameter : model->named_parameters ()) {
    ASSERT_TRUE (parameter.value ().grad ().defined ()) << parameter.key ();
    EXPECT_GT (parameter.value ().grad ().abs ().sum ().item<double> (), 0)
        << parameter.key ();
  }
}

} // namespace
} // namespace daetalker
