// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/modules/linear.h>

#include "models/nn/settling.h"

namespace daetalker {

// A linear layer for the few rows of a live stream, where a BLAS would spend its time
// packing the weights: settled, they are packed once.  Parameters as Linear's.
class RowLinearImpl : public torch::nn::LinearImpl, public Settling {
public:
  RowLinearImpl (int64_t in, int64_t out, bool with_bias = true);

  // [..., in] -> [..., out].
  torch::Tensor forward (const torch::Tensor &x);

  void settle () override;

private:
  torch::Tensor few_rows (const torch::Tensor &x) const;

  torch::Tensor packed_; // [out / 16, in, 16]
};
TORCH_MODULE (RowLinear);

// weight [out, in] as multiply () reads it: [out / 16, in, 16]; undefined where that does
// not suit: `out` in other than sixteens, not float32, or not on the CPU.
torch::Tensor packed_columns (const torch::Tensor &weight);

// What profilers see of products with such weights; inputs x, weight.
constexpr char row_linear_name[] = "daetalker::row_linear";

} // namespace daetalker
