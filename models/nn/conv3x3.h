// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <mutex>
#include <torch/nn/modules/conv.h>

#include "models/nn/settling.h"

namespace daetalker {

// A 3x3 convolution, padding 1, stride 1, in the cheapest arithmetic for what it is
// given: winograd.h, or LibTorch's own where that does not suit.  Parameters as Conv2d's.
class Conv3x3Impl : public torch::nn::Conv2dImpl, public Settling {
public:
  Conv3x3Impl (int64_t in, int64_t out);

  // [B, in, H, W] -> [B, out, H, W].
  torch::Tensor forward (const torch::Tensor &x);

  // sum [B, out, H, W] + that.
  torch::Tensor added_to (const torch::Tensor &sum, const torch::Tensor &x);

  // Of x enlarged twice by its nearest neighbours: [B, out, 2 H, 2 W].
  torch::Tensor forward_enlarged (const torch::Tensor &x);

  void settle () override { settled_ = true; }

private:
  torch::Tensor in_phases (const torch::Tensor &x);
  // `of ()`, made once where the weights stay, whoever of several threads asks first.
  torch::Tensor kept (torch::Tensor &place,
                      torch::Tensor (*of) (const torch::Tensor &weight));

  bool settled_ = false;
  std::mutex making_;
  torch::Tensor points_, phases_;
};
TORCH_MODULE (Conv3x3);

// By its nearest neighbours: [B, C, 2 H, 2 W].
torch::Tensor enlarged_twice (const torch::Tensor &x);

} // namespace daetalker
