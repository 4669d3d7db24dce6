// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A matrix that is read whole for each product with a few rows, so that its size in
// memory is what the product costs: 8 bits a number, with one scale for each row.
#pragma once

#include <torch/types.h>

namespace daetalker {

class PackedRows {
public:
  PackedRows () = default;

  // rows: [K, N] float32 on the CPU.  Numbers are rounded to 1/254 of the largest of
  // their row.
  explicit PackedRows (const torch::Tensor &rows);

  bool is_empty () const { return !words_.defined (); }

  // offset [N] + weights [B, K] x rows: [B, N], float32.
  torch::Tensor sum (const torch::Tensor &offset, const torch::Tensor &weights) const;

private:
  // [blocks of columns, K, words] int32, in the order in which they are read.
  torch::Tensor words_;
  torch::Tensor scales_; // [K]
};

} // namespace daetalker
