// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A small network that learns to tell made pictures from real ones, patch by patch,
// while the UNet learns to pass.  A regression alone answers doubt with an average:
// teeth, beard and hair blur.  Least-squares GAN (Mao et al. 2017) on patches (Isola et
// al. 2017) with feature matching (Wang et al. 2018): made and real picture show the same
// frame, so their features can be compared one by one.
#pragma once

#include <torch/nn/modules/conv.h>

#include "models/io/tensors.h"
#include "models/nn/point_conv.h"
#include "models/studio/training/optimizer.h"

namespace daetalker {

class PatchDiscriminatorImpl : public torch::nn::Module {
public:
  explicit PatchDiscriminatorImpl (int width = 32);

  struct Output {
    std::vector<torch::Tensor> features; // of the layers, in the convolutions' type
    torch::Tensor verdict;               // [B, 1, H/8, W/8] float32: 1 real, 0 made
  };

  // [B, 3, H, W] in [-1, 1]; H and W multiples of 8.
  Output forward (const torch::Tensor &pictures);

private:
  std::vector<torch::nn::Conv2d> layers_;
  PointConv verdict_{nullptr};
};
TORCH_MODULE (PatchDiscriminator);

struct AdversaryOptions {
  double learning_rate = 2e-4;
  double feature_weight = 10; // of feature matching beside the verdict
  int crop = 192;             // side of what it sees of a picture
};

class Adversary {
public:
  Adversary (const AdversaryOptions &options, torch::ScalarType type, uint64_t seed);

  // Learns from the pair, then judges: the gradient of its loss with respect to
  // `made`, in the shape of `made`.  made, real: [B, 3, H, W] of the same frames.
  torch::Tensor judge (const torch::Tensor &made, const torch::Tensor &real);

  // What it loses on real and made patches, 0.25 each for a guess; of the last judge().
  double loss () const { return loss_; }

  // Everything that resuming needs.
  TensorMap state () const { return adam_.state (); }
  void load_state (const TensorMap &state, int64_t step, const std::string &file);
  int64_t steps () const { return adam_.steps (); }

private:
  AdversaryOptions options_;
  PatchDiscriminator network_;
  MasterAdam adam_;
  at::Generator generator_;
  double loss_ = 0;
};

} // namespace daetalker
