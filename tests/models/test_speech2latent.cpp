// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/models/expect_error.h"
#include "tests/models/speech_fixture.h"
#include "tests/models/temporary_folder.h"

#include "models/nn/speech2latent.h"
#include "models/nn/weights.h"

#include <torch/optim/adam.h>
#include <torch/utils.h>

namespace daetalker {
namespace {

Speech2LatentConfig
small_config ()
{
  Speech2LatentConfig config;
  config.feature_size = 12;
  config.latent_size = 20;
  config.pose_hidden = 8;
  config.pose_scale = 10.0;
  config.conformer.size = 16;
  config.conformer.heads = 2;
  config.conformer.feed_forward = 24;
  config.conformer.kernel = 5;
  config.conformer.blocks = 1;
  config.conformer.dropout = 0;
  return config;
}

Speech2Latent
small_model (const Speech2LatentConfig &config = small_config ())
{
  torch::manual_seed (7);
  Speech2Latent model (config);
  model->eval ();
  return model;
}

TEST (Speech2Latent, FrameCounts)
{
  torch::NoGradGuard no_grad;
  auto model = small_model ();
  for (const int64_t frames : {1, 2, 3, 24, 25}) {
    const auto h = model->encode (torch::randn ({2, frames, 12}));
    const int64_t video_frames = (frames + 1) / 2;
    EXPECT_EQ (h.sizes (), torch::IntArrayRef ({2, video_frames, 16}));
    const auto pose = model->predict_pose (h);
    EXPECT_EQ (pose.sizes (), torch::IntArrayRef ({2, video_frames, 3}));
    EXPECT_EQ (model->decode (h, pose).sizes (),
               torch::IntArrayRef ({2, video_frames, 20}));
  }
}

TEST (Speech2Latent, RateRatios)
{
  torch::NoGradGuard no_grad;
  for (const int ratio : {1, 2, 3}) {
    Speech2LatentConfig config = small_config ();
    config.rate_ratio = ratio;
    auto model = small_model (config);
    for (const int64_t frames : {1, 5, 6, 7})
      EXPECT_EQ (model->encode (torch::randn ({1, frames, 12})).size (1),
                 (frames + ratio - 1) / ratio);
  }
}

// Teacher forcing: latents follow the pose given, the prediction does not.
TEST (Speech2Latent, TrainingUsesTheTruePose)
{
  torch::NoGradGuard no_grad;
  auto model = small_model ();
  const auto features = torch::randn ({1, 20, 12});
  const auto still = torch::zeros ({1, 10, 3});
  const auto turned = torch::full ({1, 10, 3}, 15.0);
  const auto a = model->forward (features, still);
  const auto b = model->forward (features, turned);
  EXPECT_EQ (largest_difference (a.pose, b.pose), 0.0);
  EXPECT_GT (largest_difference (a.latents, b.latents), 1e-3);
  const auto h = model->encode (features);
  EXPECT_LT (largest_difference (model->decode (h, turned), b.latents), 1e-6);
  EXPECT_LT (largest_difference (model->predict_pose (h), b.pose), 1e-6);
}

TEST (Speech2Latent, PoseIsInDegrees)
{
  torch::NoGradGuard no_grad;
  Speech2LatentConfig config = small_config ();
  auto model = small_model (config);
  config.pose_scale = 90.0;
  Speech2Latent wide (config);
  load_weights (*wide, named_weights (*model), "weights");
  wide->eval ();
  const auto h = torch::randn ({1, 6, 16});
  EXPECT_LT (largest_difference (wide->predict_pose (h), 9.0 * model->predict_pose (h)),
             1e-4);
  const auto pose = torch::randn ({1, 6, 3});
  EXPECT_LT (largest_difference (wide->decode (h, 9.0 * pose), model->decode (h, pose)),
             1e-5);
}

// No state is left behind, and a batch is its rows.
TEST (Speech2Latent, IsAFunctionOfItsWindow)
{
  torch::NoGradGuard no_grad;
  auto model = small_model ();
  const auto features = torch::randn ({2, 30, 12});
  const auto pose = torch::randn ({2, 15, 3});
  const auto first = model->forward (features, pose);
  model->forward (torch::randn ({2, 30, 12}), pose);
  const auto again = model->forward (features, pose);
  EXPECT_EQ (largest_difference (first.latents, again.latents), 0.0);
  EXPECT_EQ (largest_difference (first.pose, again.pose), 0.0);
  const auto row = model->forward (features.narrow (0, 1, 1), pose.narrow (0, 1, 1));
  EXPECT_LT (largest_difference (row.latents, first.latents.narrow (0, 1, 1)), 1e-5);
}

TEST (Speech2Latent, AStreamGoesOnWithWhatItKept)
{
  torch::NoGradGuard no_grad;
  Speech2LatentConfig config = small_config ();
  config.conformer.causal = true;
  config.hidden_states = 2;
  config.feature_size = 2 * 12;
  for (const int ratio : {1, 2, 3}) {
    config.rate_ratio = ratio;
    auto model = small_model (config);
    const int64_t left = 4, frames = 15, count = frames * ratio - (ratio > 1 ? 1 : 0);
    const auto features = torch::randn ({1, count, config.feature_size});
    const auto seen = torch::ones ({1, frames, frames}, torch::kBool).triu (-left);
    const auto whole_h = model->encode (features, seen);
    const auto whole_pose = model->predict_pose (whole_h);
    const auto whole = model->decode (whole_h, whole_pose, seen);
    for (const int64_t step : {1, 4, 15}) {
      auto past = model->new_past (left);
      ASSERT_TRUE (past.has_value ());
      std::vector<torch::Tensor> poses, latents;
      for (int64_t i = 0; i < count; i += step * ratio) {
        const auto h =
            model->encode (features.slice (1, i, i + step * ratio), {}, &*past);
        poses.push_back (model->predict_pose (h, &*past));
        latents.push_back (model->decode (h, poses.back (), {}, &*past));
      }
      EXPECT_LT (largest_difference (torch::cat (poses, 1), whole_pose), 1e-4);
      EXPECT_LT (largest_difference (torch::cat (latents, 1), whole), 1e-5)
          << "ratio " << ratio << ", " << step << " at once";
    }
  }
}

TEST (Speech2Latent, WithoutCausalBlocksThereIsNoPast)
{
  EXPECT_FALSE (small_model ()->new_past (4).has_value ());
  Speech2LatentConfig config = small_config ();
  config.conformer.causal = true;
  EXPECT_TRUE (small_model (config)->new_past (4).has_value ());
  EXPECT_FALSE (small_model (config)->new_past (-1).has_value ());
}

TEST (Speech2Latent, WeightedSumOfHiddenStates)
{
  torch::NoGradGuard no_grad;
  Speech2LatentConfig config = small_config ();
  config.hidden_states = 3;
  config.feature_size = 3 * 12;
  auto model = small_model (config);
  const auto states = torch::randn ({2, 8, 3, 12});
  auto single = small_model ();
  auto weights = named_weights (*model);
  weights.at ("layer_weights").copy_ (torch::tensor ({0.0, 1.0, -1.0}));
  weights.erase ("layer_weights");
  load_weights (*single, weights, "weights");
  const auto mix = torch::softmax (torch::tensor ({0.0, 1.0, -1.0}), 0).view ({3, 1});
  EXPECT_LT (largest_difference (model->encode (states.flatten (2)),
                                 single->encode ((states * mix).sum (2))),
             1e-5);
}

TEST (Speech2Latent, LatentStatistics)
{
  auto model = small_model ();
  const auto mean = torch::randn ({20});
  const auto std = torch::rand ({20}) + 0.5;
  model->set_latent_statistics (mean, std);
  const auto z = torch::randn ({2, 4, 20});
  EXPECT_LT (largest_difference (model->denormalise (z), z * std + mean), 1e-6);
  EXPECT_LT (largest_difference (model->normalise (model->denormalise (z)), z), 1e-5);
  const auto saved = named_weights (*model);
  EXPECT_EQ (largest_difference (saved.at ("latent_mean"), mean), 0.0);
  EXPECT_EQ (largest_difference (saved.at ("latent_std"), std), 0.0);
}

TEST (Speech2Latent, FileRoundTrip)
{
  torch::NoGradGuard no_grad;
  const test::TemporaryFolder folder;
  Speech2LatentConfig config = small_config ();
  config.conformer.conv_norm = ConvNorm::batch; // with its buffers
  auto model = small_model (config);
  const std::string file = folder / "speech2latent.safetensors";
  save_tensors (file, named_weights (*model));
  const nlohmann::json json = config;
  Speech2Latent copy (json.get<Speech2LatentConfig> ());
  load_weights (*copy, load_tensors (file), file);
  copy->eval ();
  const auto features = torch::randn ({1, 10, 12});
  EXPECT_EQ (largest_difference (copy->encode (features), model->encode (features)), 0.0);
}

TEST (Speech2Latent, LearnsToFollowSpeechAndPose)
{
  torch::manual_seed (8);
  Speech2Latent model (small_config ());
  model->train ();
  const auto features = torch::randn ({4, 24, 12});
  const auto pose = 5.0 * torch::randn ({4, 12, 1}).expand ({4, 12, 3});
  const auto latents =
      features.view ({4, 12, 2, 12}).mean (2).narrow (2, 0, 10).repeat ({1, 1, 2}) +
      0.2 * pose.narrow (2, 0, 1);
  torch::optim::Adam optimizer (model->parameters (), 3e-3);
  double first = 0, last = 0;
  for (int step = 0; step < 150; step++) {
    optimizer.zero_grad ();
    const auto out = model->forward (features, pose);
    const auto loss = torch::mse_loss (out.latents, latents) +
                      torch::mse_loss (out.pose / 10.0, pose / 10.0);
    loss.backward ();
    optimizer.step ();
    last = loss.item<double> ();
    if (step == 0)
      first = last;
  }
  EXPECT_LT (last, 0.5 * first);
}

TEST (Speech2Latent, InBfloat16)
{
  torch::NoGradGuard no_grad;
  auto model = small_model ();
  const auto features = torch::randn ({1, 20, 12});
  const auto pose = 5.0 * torch::randn ({1, 10, 3});
  const auto exact = model->forward (features, pose);
  model->to (torch::kBFloat16);
  const auto out =
      model->forward (features.to (torch::kBFloat16), pose.to (torch::kBFloat16));
  EXPECT_LT (relative_error (out.latents, exact.latents), bfloat16_tolerance);
}

TEST (Speech2LatentConfig, RoundTrip)
{
  Speech2LatentConfig config = small_config ();
  config.hidden_states = 2;
  config.rate_ratio = 1;
  config.conformer.pre_norm = true;
  config.conformer.relative_positions = false;
  config.conformer.conv_norm = ConvNorm::group;
  config.mouth_book = {500, 7, 3, 1.5, 0.25};
  const nlohmann::json json = config;
  EXPECT_EQ (nlohmann::json (json.get<Speech2LatentConfig> ()), json);
}

TEST (Speech2LatentConfig, OfABookWithoutPredictedMarksHasNone)
{
  const nlohmann::json json = {{"mouth_book", {{"pages", 9}, {"gain", 1.2}}}};
  EXPECT_EQ (json.get<Speech2LatentConfig> ().mouth_book.predicted_marks, 0);
}

TEST (Speech2LatentConfig, RefusesNonsense)
{
  using nlohmann::json;
  const std::pair<json, const char *> cases[] = {
      {json::array (), "JSON object"},
      {{{"feature_size", 0}}, "feature_size"},
      {{{"feature_size", "160"}}, "feature_size"},
      {{{"latent_size", 1e9}}, "latent_size"},
      {{{"latent_size", 18446744073709551615u}}, "latent_size"},
      {{{"hidden_states", 3}}, "hidden_states"},
      {{{"pose_scale", 0}}, "pose_scale"},
      {{{"mouth_book", {{"pages", 0}}}}, "pages"},
      {{{"mouth_book", {{"pages", 1 << 20}}}, {"latent_size", 4096}}, "10^9"},
      {{{"mouth_book", {{"pages", 9}, {"marks", 4096}}}}, "marks"},
      {{{"conformer", 3}}, "JSON object"},
      {{{"conformer", {{"size", 8192}, {"blocks", 64}}}}, "10^9"},
      {{{"conformer", {{"kernel", 4}}}}, "odd"},
      {{{"conformer", {{"heads", 3}}}}, "heads"},
      {{{"conformer", {{"size", 7}, {"heads", 1}}}}, "even"},
      {{{"conformer", {{"conv_norm", "instance"}}}}, "conv_norm"},
      {{{"conformer", {{"macaron", 1}}}}, "macaron"},
      {{{"conformer", {{"dropout", 1.0}}}}, "dropout"},
  };
  for (const auto &[config, words] : cases)
    EXPECT_ERROR (config.get<Speech2LatentConfig> (), ErrorCode::corrupt, words);
}

} // namespace
} // namespace daetalker
