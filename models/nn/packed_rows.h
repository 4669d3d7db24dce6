// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A matrix that is read whole for each product with a few rows, so that its size in
// memory is what the product costs: 16 or 8 bits a number, with one scale for each row.
#pragma once

#include <torch/types.h>

namespace daetalker {

class PackedRows {
public:
  PackedRows () = default;

  // rows: [K, N] float32 on the CPU.  The first `fine` are rounded to 1/65534 of the
  // largest number of their row, the others to 1/254.
  explicit PackedRows (const torch::Tensor &rows, int64_t fine);

  bool is_empty () const { return !fine_.values.defined (); }

  // offset [N] + weights [B, K] x rows: [B, N], float32.
  torch::Tensor sum (const torch::Tensor &offset, const torch::Tensor &weights) const;

private:
  struct Part {
    torch::Tensor values; // [rows, N] int16 or int8, with rows of zeros up to whole fours
    torch::Tensor scales; // [rows], as many
  };

  static Part packed (const torch::Tensor &rows, torch::ScalarType type, float largest);

  int64_t fine_rows_ = 0;
  Part fine_, coarse_;
};

} // namespace daetalker
