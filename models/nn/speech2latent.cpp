// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/speech2latent.h"

namespace daetalker {

namespace nn = torch::nn;

PoseNetImpl::PoseNetImpl (int in, int hidden, int out)
    : lstm_ (register_module (
          "lstm",
          nn::LSTM (nn::LSTMOptions (in, hidden).num_layers (2).batch_first (true)))),
      linear_ (register_module ("linear", nn::Linear (hidden, out)))
{
}

torch::Tensor
PoseNetImpl::forward (const torch::Tensor &x)
{
  return linear_ (std::get<0> (lstm_->forward (x)));
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
  projection_ = register_module ("projection", nn::Linear (size, config.latent_size));
  latent_mean_ = register_buffer ("latent_mean", torch::zeros ({config.latent_size}));
  latent_std_ = register_buffer ("latent_std", torch::ones ({config.latent_size}));
  if (config.mouth_book.pages > 0)
    mouth_book_ = register_module ("mouth_book",
                                   MouthBook (config.latent_size, config.mouth_book));
}

torch::Tensor
Speech2LatentImpl::encode (const torch::Tensor &features, const torch::Tensor &mask)
{
  auto x = features;
  if (layer_weights_.defined ()) {
    const auto weights = torch::softmax (layer_weights_, 0);
    x = torch::matmul (weights,
                       x.view ({x.size (0), x.size (1), config_.hidden_states, -1}));
  }
  const auto h = downsampling_ (x.transpose (1, 2)).transpose (1, 2);
  return speech_encoder_ (h, mask);
}

torch::Tensor
Speech2LatentImpl::predict_pose (const torch::Tensor &h)
{
  return pose_predictor_ (h) * config_.pose_scale;
}

torch::Tensor
Speech2LatentImpl::decode (const torch::Tensor &h, const torch::Tensor &pose,
                           const torch::Tensor &mask)
{
  const auto posed = h + pose_projection_ (pose / config_.pose_scale);
  return projection_ (latent_decoder_ (posed, mask));
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
