// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/packed_rows.h"

#include <algorithm>
#include <ATen/Parallel.h>
#include <torch/utils.h>

#include "models/nn/clones.h"

namespace daetalker {
namespace {

constexpr float largest = 32767;
constexpr int64_t block = 2048;     // columns: their sums stay in the first cache
constexpr int64_t rows_at_once = 4; // of which each sum is read and written but once

// values: rows_at_once rows, `stride` apart; factors: of each.
DAETALKER_CLONES void
add_scaled (float *__restrict sum, const int16_t *__restrict values, int64_t stride,
            const float *factors, int64_t count)
{
  const int16_t *second = values + stride, *third = second + stride,
                *fourth = third + stride;
  const float f1 = factors[0], f2 = factors[1], f3 = factors[2], f4 = factors[3];
  for (int64_t i = 0; i < count; i++)
    sum[i] += f1 * float (values[i]) + f2 * float (second[i]) +
              (f3 * float (third[i]) + f4 * float (fourth[i]));
}

} // namespace

PackedRows::PackedRows (const torch::Tensor &rows)
{
  const torch::NoGradGuard no_grad;
  const torch::Tensor peaks = rows.abs ().amax (1).clamp_min (1e-30);
  scales_ = (peaks / largest).contiguous ();
  const torch::Tensor values = (rows / scales_.unsqueeze (1))
                                   .round_ ()
                                   .clamp_ (-largest, largest)
                                   .to (torch::kShort);
  const int64_t more = (rows_at_once - rows.size (0) % rows_at_once) % rows_at_once;
  values_ = torch::constant_pad_nd (values, {0, 0, 0, more}).contiguous ();
}

torch::Tensor
PackedRows::sum (const torch::Tensor &offset, const torch::Tensor &weights) const
{
  const int64_t more = values_.size (0) - scales_.size (0);
  const torch::Tensor factors =
      torch::constant_pad_nd (weights * scales_, {0, more}).contiguous ();
  const int64_t batch = factors.size (0), count = values_.size (0);
  const int64_t width = values_.size (1);
  torch::Tensor result = offset.repeat ({batch, 1});
  const int16_t *values = values_.data_ptr<int16_t> ();
  const float *factor = factors.data_ptr<float> ();
  float *sum = result.data_ptr<float> ();
  at::parallel_for (0, (width + block - 1) / block, 1, [&] (int64_t from, int64_t to) {
    for (int64_t first = from * block; first < std::min (to * block, width);
         first += block)
      for (int64_t row = 0; row < count; row += rows_at_once)
        for (int64_t b = 0; b < batch; b++)
          add_scaled (sum + b * width + first, values + row * width + first, width,
                      factor + b * count + row, std::min (block, width - first));
  });
  return result;
}

} // namespace daetalker
