// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/packed_rows.h"

#include <algorithm>
#include <ATen/Parallel.h>
#include <torch/utils.h>

#include "models/nn/clones.h"

namespace daetalker {
namespace {

constexpr int64_t block = 2048;     // columns: their sums stay in the first cache
constexpr int64_t rows_at_once = 4; // of which each sum is read and written but once

template <typename T>
DAETALKER_INLINE void
add_rows (float *__restrict sum, const T *__restrict values, int64_t stride,
          const float *factors, int64_t count)
{
  const T *second = values + stride, *third = second + stride, *fourth = third + stride;
  const float f1 = factors[0], f2 = factors[1], f3 = factors[2], f4 = factors[3];
  for (int64_t i = 0; i < count; i++)
    sum[i] += f1 * float (values[i]) + f2 * float (second[i]) +
              (f3 * float (third[i]) + f4 * float (fourth[i]));
}

// values: rows_at_once rows, `stride` apart; factors: of each.
DAETALKER_CLONES void
add_scaled (float *sum, const int16_t *values, int64_t stride, const float *factors,
            int64_t count)
{
  add_rows (sum, values, stride, factors, count);
}

DAETALKER_CLONES void
add_scaled (float *sum, const int8_t *values, int64_t stride, const float *factors,
            int64_t count)
{
  add_rows (sum, values, stride, factors, count);
}

// To sum [B, width], its columns `first` to `first` + count; factors: [B, rows].
template <typename T>
void
add_part (float *sum, int64_t width, const torch::Tensor &values,
          const torch::Tensor &factors, int64_t first, int64_t count)
{
  const int64_t batch = factors.size (0), rows = factors.size (1);
  const T *value = values.data_ptr<T> () + first;
  const float *factor = factors.data_ptr<float> ();
  for (int64_t row = 0; row < rows; row += rows_at_once)
    for (int64_t b = 0; b < batch; b++)
      add_scaled (sum + b * width + first, value + row * width, width,
                  factor + b * rows + row, count);
}

} // namespace

PackedRows::PackedRows (const torch::Tensor &rows, int64_t fine)
{
  const torch::NoGradGuard no_grad;
  fine_rows_ = std::min (fine, rows.size (0));
  fine_ = packed (rows.slice (0, 0, fine_rows_), torch::kShort, 32767);
  coarse_ = packed (rows.slice (0, fine_rows_), torch::kChar, 127);
}

PackedRows::Part
PackedRows::packed (const torch::Tensor &rows, torch::ScalarType type, float largest)
{
  const int64_t more = (rows_at_once - rows.size (0) % rows_at_once) % rows_at_once;
  const torch::Tensor padded = torch::constant_pad_nd (rows, {0, 0, 0, more});
  const torch::Tensor scales = padded.abs ().amax (1).clamp_min (1e-30) / largest;
  return {(padded / scales.unsqueeze (1)).round_ ().to (type).contiguous (),
          scales.contiguous ()};
}

torch::Tensor
PackedRows::sum (const torch::Tensor &offset, const torch::Tensor &weights) const
{
  const auto factors_of = [] (const torch::Tensor &of, const Part &part) {
    const int64_t more = part.scales.size (0) - of.size (1);
    return (torch::constant_pad_nd (of, {0, more}) * part.scales).contiguous ();
  };
  const int64_t width = fine_.values.size (1), batch = weights.size (0);
  const torch::Tensor of_fine = factors_of (weights.slice (1, 0, fine_rows_), fine_);
  const torch::Tensor of_coarse = factors_of (weights.slice (1, fine_rows_), coarse_);
  torch::Tensor result = offset.repeat ({batch, 1});
  float *sum = result.data_ptr<float> ();
  at::parallel_for (0, (width + block - 1) / block, 1, [&] (int64_t from, int64_t to) {
    for (int64_t first = from * block; first < std::min (to * block, width);
         first += block) {
      const int64_t count = std::min (block, width - first);
      add_part<int16_t> (sum, width, fine_.values, of_fine, first, count);
      add_part<int8_t> (sum, width, coarse_.values, of_coarse, first, count);
    }
  });
  return result;
}

} // namespace daetalker
