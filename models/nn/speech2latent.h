// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Speech features -> latents of the diffusion autoencoder (DAE-Talker, section
// "speech2latent"): convolution downsampling, N Conformer blocks, pose adaptor, N
// Conformer blocks, linear projection.
//
// Everything is a pure function of the features it is given.  A stream is computed
// window by window, each from zero state, and only the middle of a window is used; or,
// where the Conformers are causal, frame by frame with what is kept of the past.
#pragma once

#include "models/nn/conformer.h"
#include "models/nn/mouth_book.h"
#include "models/nn/speech2latent_config.h"

#include <optional>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/rnn.h>
#include <tuple>

namespace daetalker {

// Two LSTM layers and a linear one: the shape of the pose predictor and of the pose
// projection (AniTalker, seq2seq.py).
class PoseNetImpl : public torch::nn::Module {
public:
  // The LSTM's state after the last frame.
  using Past = torch::optional<std::tuple<torch::Tensor, torch::Tensor>>;

  PoseNetImpl (int in, int hidden, int out);
  // [B, T, in] -> [B, T, out]; `past`: goes on from there.
  torch::Tensor forward (const torch::Tensor &x, Past *past = nullptr);

private:
  torch::nn::LSTM lstm_{nullptr};
  RowLinear linear_{nullptr};
};
TORCH_MODULE (PoseNet);

class Speech2LatentImpl : public torch::nn::Module {
public:
  explicit Speech2LatentImpl (const Speech2LatentConfig &config);

  const Speech2LatentConfig &config () const { return config_; }

  // What a stream keeps from frame to frame.
  struct Past {
    torch::Tensor features; // the rate_ratio - 1 before the next frame's
    ConformerImpl::Past speech_encoder, latent_decoder;
    PoseNetImpl::Past pose_predictor, pose_projection;
  };

  // Of a stream's start, whose frames look back `left` frames in each block; nothing if
  // these Conformers cannot go on with a stream, or for left < 0.
  std::optional<Past> new_past (int64_t left) const;

  // features: [B, T, feature_size] -> h [B, ceil(T / rate_ratio), D]; frame k of h
  // belongs to the features from k * rate_ratio.
  // Here and below `mask` as for SelfAttention, at the video rate.  With `past` there is
  // no mask, the frames are the stream's next ones, and all calls but a stream's last
  // have whole frames (T a multiple of rate_ratio).
  torch::Tensor encode (const torch::Tensor &features, const torch::Tensor &mask = {},
                        Past *past = nullptr);

  // h -> yaw, pitch, roll in degrees: [B, T, 3].
  torch::Tensor predict_pose (const torch::Tensor &h, Past *past = nullptr);

  // h and the pose in degrees -> z-normalised latents [B, T, latent_size].
  torch::Tensor decode (const torch::Tensor &h, const torch::Tensor &pose,
                        const torch::Tensor &mask = {}, Past *past = nullptr);

  struct Output {
    torch::Tensor latents; // z-normalised, [B, T, latent_size]
    torch::Tensor pose;    // predicted, degrees, [B, T, 3]
  };
  // The forward pass of training: the true pose (degrees, [B, T, 3]) goes into the
  // projection, so that latents follow whatever pose is given.
  Output forward (const torch::Tensor &features, const torch::Tensor &true_pose,
                  const torch::Tensor &mask = {});

  // latents: [T, latent_size] of the autoencoder, of a stream's successive frames, with
  // the mouths of real frames where there is a book of them; `last` as for MouthBook.
  torch::Tensor with_real_mouths (const torch::Tensor &latents, torch::Tensor &last);

  MouthBook mouth_book () { return mouth_book_; } // empty if the shape has none

  // Between z-normalised latents and those of the autoencoder.
  torch::Tensor denormalise (const torch::Tensor &latents) const;
  torch::Tensor normalise (const torch::Tensor &latents) const;
  // mean, std: [latent_size], over the training set; std must be positive.
  void set_latent_statistics (const torch::Tensor &mean, const torch::Tensor &std);

  // Standard deviation of a latent's numbers, root mean square over them.
  float latent_deviation () const;

private:
  torch::Tensor downsample (const torch::Tensor &x, Past *past);

  Speech2LatentConfig config_;
  torch::Tensor layer_weights_; // [hidden_states], before the softmax
  torch::nn::Conv1d downsampling_{nullptr};
  Conformer speech_encoder_{nullptr}, latent_decoder_{nullptr};
  PoseNet pose_predictor_{nullptr}, pose_projection_{nullptr};
  RowLinear projection_{nullptr};
  torch::Tensor latent_mean_, latent_std_;
  MouthBook mouth_book_{nullptr};
};
TORCH_MODULE (Speech2Latent);

} // namespace daetalker
