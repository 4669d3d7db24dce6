// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A matrix that is read whole for each product with a few rows, so that its size in
// memory is what the product costs: 16 bits a number, with one scale for each row.
#pragma once

#include <torch/types.h>

namespace daetalker {

class PackedRows {
public:
  PackedRows () = default;

  // rows: [K, N] float32 on the CPU.  Numbers are rounded to 1/65534 of the largest of
  // their row.
  explicit PackedRows (const torch::Tensor &rows);

  bool is_empty () const { return !values_.defined (); }

  // offset [N] + weights [B, K] x rows: [B, N], float32.
  torch::Tensor sum (const torch::Tensor &offset, const torch::Tensor &weights) const;

private:
  torch::Tensor values_; // [K, N] int16, with rows of zeros up to whole fours
  torch::Tensor scales_; // [K]
};

} // namespace daetalker
