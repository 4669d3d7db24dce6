// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/modules/conv.h>

#include "models/nn/settling.h"

namespace daetalker {

// A 1x1 convolution.  LibTorch's own copies its channels-last input to planes and back;
// settled, in float32 on the CPU, this one reads it where it lies.  Parameters as
// Conv2d's.
class PointConvImpl : public torch::nn::Conv2dImpl, public Settling {
public:
  PointConvImpl (int64_t in, int64_t out);

  // [B, out, H, W] + the convolution of x [B, in, H, W]; `sum` may be written to.
  torch::Tensor added_to (const torch::Tensor &sum, const torch::Tensor &x);

  void settle () override;

private:
  torch::Tensor packed_; // packed_columns ()
};
TORCH_MODULE (PointConv);

} // namespace daetalker
