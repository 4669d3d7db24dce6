// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A head that moves what it knows.  Skin, hair and cloth of one person keep their
// texture from frame to frame and only move; drawn anew in every frame they blur.
// So the avatar holds a few pictures of the person (learned, from real frames on), the
// UNet says where each of their pixels goes, and only what no motion explains is
// drawn: teeth, tongue, lids.  Flow, blending and a mask of what is drawn are those of
// the First Order Motion Model (Siarohin et al. 2019, section 3.2).
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "models/nn/conv3x3.h"

namespace daetalker {

class ReferenceWarpImpl : public torch::nn::Module {
public:
  // `references` pictures of `image_size`^2; feature maps of `channels`, one point for
  // each patch of `patch`^2 pixels.
  ReferenceWarpImpl (int references, int image_size, int patch, int channels);

  struct Output {
    torch::Tensor picture; // [B, 3, H, W] float32, the references warped and blended
    torch::Tensor square;  // the same of their squares; while gradients are recorded
    torch::Tensor share;   // [B, 1, H, W] float32 in (0, 1), its share of the result
  };

  // h: [B, channels, H/patch, W/patch] in the type of the convolutions.
  Output forward (const torch::Tensor &h);

private:
  int references_, patch_;
  torch::Tensor pictures_; // [K, 3, H, W] in [-1, 1]
  torch::Tensor identity_; // [1, H, W, 2], where each pixel is without flow
  Conv3x3 motion_{nullptr};
};
TORCH_MODULE (ReferenceWarp);

} // namespace daetalker
