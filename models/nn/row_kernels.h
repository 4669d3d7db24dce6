// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a Conformer does besides its linear layers to the few rows of a live stream, on
// the CPU in float32, where calling LibTorch's operators costs many times their
// arithmetic.
#pragma once

#include <torch/nn/modules/normalization.h>

namespace daetalker {

// Whether `x` [..., size] is so few rows that the functions below serve it: at most 16,
// on the CPU, in float32, and without derivatives.
bool are_few_rows (const torch::Tensor &x);

// Layer norm of each row.
torch::Tensor normalise_rows (const torch::Tensor &x, const torch::nn::LayerNorm &norm);

// Multi-head self-attention of T rows that come after P others.
struct RowAttention {
  torch::Tensor qkv;                    // [1, T, 3 * heads * d]
  torch::Tensor past_keys, past_values; // [1, P, heads, d]; undefined: none
  // Of relative positions; all undefined without.
  torch::Tensor places;         // [P + 2T-1, heads, d], of the distances P + T-1 ... 1-T
  torch::Tensor bias_u, bias_v; // [heads, d]
  int64_t heads;
  int64_t left; // a row looks at so many before it, and at itself
};

struct RowsAttended {
  torch::Tensor rows;         // [1, T, heads * d]
  torch::Tensor keys, values; // [1, P + T, heads, d]
};

RowsAttended attend_rows (const RowAttention &attention);

// GLU, a causal depthwise convolution, layer norm, SiLU.
struct RowConvolution {
  torch::Tensor taps; // [kernel, D], the earliest row's first
  torch::Tensor bias; // [D], or undefined
  torch::nn::LayerNorm norm;
};

// rows: [1, T, 2D] -> [1, T, D].  `past`: the gated rows before, [1, kernel - 1, D],
// undefined for zeros; the last ones afterwards.
torch::Tensor convolve_rows (const RowConvolution &convolution, const torch::Tensor &rows,
                             torch::Tensor &past);

} // namespace daetalker
