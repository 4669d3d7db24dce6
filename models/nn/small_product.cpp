// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/small_product.h"

#include <cstring>

#include "models/nn/clones.h"

namespace daetalker {
namespace {

typedef float Four __attribute__ ((vector_size (16)));
typedef float Eight __attribute__ ((vector_size (32)));
typedef float Sixteen __attribute__ ((vector_size (64)));

template <typename T>
DAETALKER_INLINE T
load (const float *from)
{
  T value;
  std::memcpy (&value, from, sizeof value);
  return value;
}

template <typename T>
DAETALKER_INLINE void
store (float *to, const T &value)
{
  std::memcpy (to, &value, sizeof value);
}

template <int rows, typename Vector>
DAETALKER_INLINE void
multiply_rows (const SmallProduct &product)
{
  constexpr int width = sizeof (Vector) / sizeof (float),
                vectors = product_columns / width;
  const int64_t a_row = product.a_row, a_column = product.a_column;
  Vector sum[rows][vectors];
#pragma GCC unroll 12
  for (int row = 0; row < rows; row++)
#pragma GCC unroll 4
    for (int i = 0; i < vectors; i++)
      sum[row][i] = product.add
                        ? load<Vector> (product.c + row * product.c_row + i * width)
                        : Vector{};
  const float *a = product.a, *b = product.b;
  for (int64_t k = 0; k < product.depth; k++, a += a_column, b += product.b_row) {
    Vector other[vectors];
#pragma GCC unroll 4
    for (int i = 0; i < vectors; i++)
      other[i] = load<Vector> (b + i * width);
#pragma GCC unroll 12
    for (int row = 0; row < rows; row++)
#pragma GCC unroll 4
      for (int i = 0; i < vectors; i++)
        sum[row][i] += a[row * a_row] * other[i];
  }
#pragma GCC unroll 12
  for (int row = 0; row < rows; row++)
#pragma GCC unroll 4
    for (int i = 0; i < vectors; i++)
      store (product.c + row * product.c_row + i * width, sum[row][i]);
}

// At most `most` rows at a time: as many sums as the registers hold.
template <int most, typename Vector>
DAETALKER_INLINE void
multiply_by (SmallProduct product)
{
  while (product.rows >= most) {
    multiply_rows<most, Vector> (product);
    product.a += most * product.a_row;
    product.c += most * product.c_row;
    product.rows -= most;
  }
  if constexpr (most > 1)
    if (product.rows > 0)
      multiply_by<most - 1, Vector> (product);
}

void
multiply_anywhere (const SmallProduct &product)
{
  multiply_by<3, Four> (product);
}

#if defined(__x86_64__)
__attribute__ ((target ("arch=x86-64-v3"))) void
multiply_on_avx2 (const SmallProduct &product)
{
  multiply_by<6, Eight> (product);
}

__attribute__ ((target ("arch=x86-64-v4"))) void
multiply_on_avx512 (const SmallProduct &product)
{
  multiply_by<12, Sixteen> (product);
}
#endif

// How many rows suit the registers is what clones cannot tell.
auto
best_multiply ()
{
#if defined(__x86_64__)
  if (__builtin_cpu_supports ("x86-64-v4"))
    return multiply_on_avx512;
  if (__builtin_cpu_supports ("x86-64-v3"))
    return multiply_on_avx2;
#endif
  return multiply_anywhere;
}

} // namespace

void
multiply (const SmallProduct &product)
{
  static const auto best = best_multiply ();
  best (product);
}

} // namespace daetalker
