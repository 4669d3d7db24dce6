// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/packed_rows.h"

#include <ATen/Parallel.h>
#include <torch/utils.h>

#include "models/nn/lanes.h"

namespace daetalker {

using torch::Tensor;

namespace {

constexpr float largest_byte = 127;
// A word holds four columns, one in each byte, the first in the lowest: what the compiler
// makes of shifted words is faster than what it makes of bytes.
constexpr int64_t bytes = 4;
constexpr int64_t group = bytes * lanes; // columns of the words in one vector
constexpr int64_t groups = 2;            // whose sums stay in registers
constexpr int64_t block = groups * group;
constexpr int64_t words_ahead = 512; // to be fetched from memory meanwhile

// Adds the rows of one block of columns, each times its factor, to `sum` [block].
DAETALKER_CLONES void
add_rows (const int32_t *words, const float *factors, int64_t rows, float *sum)
{
  Lanes sums[groups][bytes];
  for (int64_t g = 0; g < groups; g++)
    for (int64_t byte = 0; byte < bytes; byte++)
      sums[g][byte] = load (sum + g * group + byte * lanes);
  for (int64_t row = 0; row < rows; row++, words += groups * lanes) {
    __builtin_prefetch (words + words_ahead);
    const float factor = factors[row];
#pragma GCC unroll 2
    for (int64_t g = 0; g < groups; g++) {
      IntLanes four;
      std::memcpy (&four, words + g * lanes, sizeof four);
      sums[g][0] += factor * __builtin_convertvector((four << 24) >> 24, Lanes);
      sums[g][1] += factor * __builtin_convertvector((four << 16) >> 24, Lanes);
      sums[g][2] += factor * __builtin_convertvector((four << 8) >> 24, Lanes);
      sums[g][3] += factor * __builtin_convertvector(four >> 24, Lanes);
    }
  }
  for (int64_t g = 0; g < groups; g++)
    for (int64_t byte = 0; byte < bytes; byte++)
      store (sum + g * group + byte * lanes, sums[g][byte]);
}

// With columns of zeros up to whole blocks.
Tensor
padded (const Tensor &columns, int64_t width)
{
  return torch::constant_pad_nd (columns, {0, (block - width % block) % block});
}

} // namespace

PackedRows::PackedRows (const Tensor &rows)
{
  const torch::NoGradGuard no_grad;
  const Tensor peaks = rows.abs ().amax (1).clamp_min (1e-30);
  scales_ = (peaks / largest_byte).contiguous ();
  const Tensor values = (rows / scales_.unsqueeze (1))
                            .round_ ()
                            .clamp_ (-largest_byte, largest_byte)
                            .to (torch::kChar);
  words_ = padded (values, rows.size (1))
               .view ({rows.size (0), -1, groups, bytes, lanes})
               .permute ({1, 0, 2, 4, 3}) // a word's bytes beside each other
               .contiguous ()
               .view (torch::kInt)
               .flatten (2);
}

Tensor
PackedRows::sum (const Tensor &offset, const Tensor &weights) const
{
  const Tensor factors = (weights * scales_).contiguous ();
  const int64_t batch = factors.size (0), count = factors.size (1);
  const int64_t blocks = words_.size (0), width = blocks * block;
  Tensor result = padded (offset, offset.size (0)).repeat ({batch, 1});
  const int32_t *words = words_.data_ptr<int32_t> ();
  const float *factor = factors.data_ptr<float> ();
  float *sum = result.data_ptr<float> ();
  at::parallel_for (0, blocks, 16, [&] (int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++)
      for (int64_t b = 0; b < batch; b++)
        add_rows (words + i * count * groups * lanes, factor + b * count, count,
                  sum + b * width + i * block);
  });
  return result.slice (1, 0, offset.size (0));
}

} // namespace daetalker
