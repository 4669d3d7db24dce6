// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/speech2latent.h"

#include <torch/utils.h>

namespace daetalker {

namespace nn = torch::nn;

PoseNetImpl::PoseNetImpl (int in, int hidden, int out)
    : lstm_ (register_module (
          "lstm",
          nn::LSTM (nn::LSTMOptions (in, hidden).num_layers (2).batch_first (true)))),
      linear_ (register_module ("linear", RowLinear (hidden, out)))
{
}

torch::Tensor
PoseNetImpl::forward (const torch::Tensor &x, Past *past)
{
  const auto [h, state] = lstm_->forward (x, past != nullptr ? *past : Past ());
  if (past != nullptr)
    *past = state;
  return linear_ (h);
}

// Odd kernel, `ratio` steps: ceil(T / ratio) frames come out, each centred on the
// first of its features; for 2 this is DiffDub's Conv1d(k3, s2, p1).
static nn::Conv1d
make_downsampling (int in, int out, int ratio)
{
  return nn::Conv1d (
      nn::Conv1dOptions (in, out, 2 * ratio - 1).stride (ratio).padding (ratio - 1));
}

Speech2LatentImpl::Speech2LatentImpl (const Speech2LatentConfig &config)
    : config_ (config)
{
  const int size = config.conformer.size;
  if (config.hidden_states > 1)
    layer_weights_ =
        register_parameter ("layer_weights", torch::zeros ({config.hidden_states}));
  downsampling_ = register_module (
      "downsampling", make_downsampling (config.feature_size / config.hidden_states, size,
                                         config.rate_ratio));
  speech_encoder_ = register_module ("speech_encoder", Conformer (config.conformer));
  pose_predictor_ =
      register_module ("pose_predictor", PoseNet (size, config.pose_hidden, 3));
  pose_projection_ =
      register_module ("pose_projection", PoseNet (3, config.pose_hidden, size));
  latent_decoder_ = register_module ("latent_decoder", Conformer (config.conformer));
  projection_ = register_module ("projection", RowLinear (size, config.latent_size));
  latent_mean_ = register_buffer ("latent_mean", torch::zeros ({config.latent_size}));
  latent_std_ = register_buffer ("latent_std", torch::ones ({config.latent_size}));
  if (config.mouth_book.pages > 0)
    mouth_book_ =
        register_module ("mouth_book", MouthBook (config.latent_size, config.mouth_book));
}

std::optional<Speech2LatentImpl::Past>
Speech2LatentImpl::new_past (int64_t left) const
{
  if (left < 0 || !ConformerImpl::has_past (config_.conformer))
    return std::nullopt;
  Past past;
  past.speech_encoder.left = past.latent_decoder.left = left;
  return past;
}

// x: [B, T, features of one hidden state] -> [B, ceil(T / rate_ratio), D].
torch::Tensor
Speech2LatentImpl::downsample (const torch::Tensor &x, Past *past)
{
  if (past == nullptr)
    return downsampling_ (x.transpose (1, 2)).transpose (1, 2);
  const int64_t before = config_.rate_ratio - 1;
  const int64_t missing =
      (config_.rate_ratio - x.size (1) % config_.rate_ratio) % config_.rate_ratio;
  auto rows =
      torch::constant_pad_nd (x, {0, 0, past->features.defined () ? 0 : before, missing});
  if (past->features.defined ())
    rows = torch::cat ({past->features, rows}, 1);
  past->features = rows.narrow (1, rows.size (1) - before, before);
  return torch::conv1d (rows.transpose (1, 2), downsampling_->weight, downsampling_->bias,
                        config_.rate_ratio)
      .transpose (1, 2);
}

torch::Tensor
Speech2LatentImpl::encode (const torch::Tensor &features, const torch::Tensor &mask,
                           Past *past)
{
  auto x = features;
  if (layer_weights_.defined ()) {
    const auto weights = torch::softmax (layer_weights_, 0);
    x = torch::matmul (weights,
                       x.view ({x.size (0), x.size (1), config_.hidden_states, -1}));
  }
  const auto h = downsample (x, past);
  return past != nullptr ? speech_encoder_->go_on (h, past->speech_encoder)
                         : speech_encoder_ (h, mask);
}

torch::Tensor
Speech2LatentImpl::predict_pose (const torch::Tensor &h, Past *past)
{
  return pose_predictor_ (h, past ? &past->pose_predictor : nullptr) * config_.pose_scale;
}

torch::Tensor
Speech2LatentImpl::decode (const torch::Tensor &h, const torch::Tensor &pose,
                           const torch::Tensor &mask, Past *past)
{
  const auto posed = h + pose_projection_ (pose / config_.pose_scale,
                                           past ? &past->pose_projection : nullptr);
  return projection_ (past != nullptr
                          ? latent_decoder_->go_on (posed, past->latent_decoder)
                          : latent_decoder_ (posed, mask));
}

Speech2LatentImpl::Output
Speech2LatentImpl::forward (const torch::Tensor &features, const torch::Tensor &true_pose,
                            const torch::Tensor &mask)
{
  const auto h = encode (features, mask);
  return {decode (h, true_pose, mask), predict_pose (h)};
}

torch::Tensor
Speech2LatentImpl::with_real_mouths (const torch::Tensor &latents, torch::Tensor &last)
{
  return mouth_book_.is_empty ()
             ? latents
             : latent_mean_ + mouth_book_ (latents - latent_mean_, last);
}

float
Speech2LatentImpl::latent_deviation () const
{
  return latent_std_.square ().mean ().sqrt ().item<float> ();
}

torch::Tensor
Speech2LatentImpl::denormalise (const torch::Tensor &latents) const
{
  return latents * latent_std_ + latent_mean_;
}

torch::Tensor
Speech2LatentImpl::normalise (const torch::Tensor &latents) const
{
  return (latents - latent_mean_) / latent_std_;
}

void
Speech2LatentImpl::set_latent_statistics (const torch::Tensor &mean,
                                          const torch::Tensor &std)
{
  const torch::NoGradGuard no_grad;
  latent_mean_.copy_ (mean);
  latent_std_.copy_ (std);
}

} // namespace daetalker
