// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/packed_rows.h"

#include <algorithm>
#include <ATen/Parallel.h>

#include "models/nn/clones.h"

namespace daetalker {
namespace {

constexpr float largest = 32767;
constexpr int64_t block = 2048; // columns: their sums stay in the first cache

DAETALKER_CLONES void
add_scaled (float *__restrict sum, const int16_t *__restrict values, float factor,
            int64_t count)
{
  for (int64_t i = 0; i < count; i++)
    sum[i] += factor * float (values[i]);
}

} // namespace

PackedRows::PackedRows (const torch::Tensor &rows)
{
  const torch::NoGradGuard no_grad;
  const torch::Tensor peaks = rows.abs ().amax (1).clamp_min (1e-30);
  scales_ = (peaks / largest).contiguous ();
  values_ = (rows / scales_.unsqueeze (1))
                .round_ ()
                .clamp_ (-largest, largest)
                .to (torch::kShort)
                .contiguous ();
}

torch::Tensor
PackedRows::sum (const torch::Tensor &offset, const torch::Tensor &weights) const
{
  const torch::Tensor factors = (weights * scales_).contiguous ();
  const int64_t batch = factors.size (0), count = values_.size (0);
  const int64_t width = values_.size (1);
  torch::Tensor result = offset.repeat ({batch, 1});
  const int16_t *values = values_.data_ptr<int16_t> ();
  const float *factor = factors.data_ptr<float> ();
  float *sum = result.data_ptr<float> ();
  at::parallel_for (0, (width + block - 1) / block, 1, [&] (int64_t from, int64_t to) {
    for (int64_t first = from * block; first < std::min (to * block, width);
         first += block)
      for (int64_t row = 0; row < count; row++)
        for (int64_t b = 0; b < batch; b++)
          add_scaled (sum + b * width + first, values + row * width + first,
                      factor[b * count + row], std::min (block, width - first));
  });
  return result;
}

} // namespace daetalker
