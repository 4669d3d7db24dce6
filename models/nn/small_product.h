// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Matrix products too small for a BLAS, which first copies what it multiplies.
#pragma once

#include <cstdint>

namespace daetalker {

// Of b and c below.
constexpr int64_t product_columns = 16;

// c [rows, product_columns] = a [rows, depth] b [depth, product_columns], added to c if
// `add`.  Rows of b and of c are contiguous; all strides are in floats.
struct SmallProduct {
  const float *a;
  int64_t a_row, a_column;
  const float *b;
  int64_t b_row;
  float *c;
  int64_t c_row;
  int64_t rows, depth;
  bool add;
};

void multiply (const SmallProduct &product);

} // namespace daetalker
