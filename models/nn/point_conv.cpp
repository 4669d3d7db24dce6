// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/point_conv.h"

#include <algorithm>
#include <ATen/Parallel.h>
#include <ATen/record_function.h>

#include "models/nn/row_linear.h"
#include "models/nn/small_product.h"

namespace daetalker {

using torch::Tensor;

// Of which input and output stay in the second cache, in whole rounds of multiply ().
constexpr int64_t pixels_at_once = 120;

PointConvImpl::PointConvImpl (int64_t in, int64_t out)
    : Conv2dImpl (torch::nn::Conv2dOptions (in, out, 1))
{
}

void
PointConvImpl::settle ()
{
  packed_ = packed_columns (weight.flatten (1));
}

Tensor
PointConvImpl::added_to (const Tensor &sum, const Tensor &x)
{
  if (!packed_.defined () || at::GradMode::is_enabled ())
    return sum + forward (x);
  RECORD_FUNCTION (row_linear_name, std::vector<c10::IValue> ({x, weight}));
  const Tensor from = x.contiguous (at::MemoryFormat::ChannelsLast);
  const Tensor to = sum.contiguous (at::MemoryFormat::ChannelsLast);
  const int64_t in = weight.size (1), out = weight.size (0), pixels = x.numel () / in;
  const float *added = bias.data_ptr<float> ();
  at::parallel_for (0, pixels, pixels_at_once, [&] (int64_t begin, int64_t end) {
    for (; begin < end; begin += pixels_at_once) {
      const int64_t count = std::min (pixels_at_once, end - begin);
      float *rows = to.data_ptr<float> () + begin * out;
      for (int64_t row = 0; row < count; row++)
        for (int64_t i = 0; i < out; i++)
          rows[row * out + i] += added[i];
      for (int64_t column = 0; column < out; column += product_columns)
        multiply ({from.data_ptr<float> () + begin * in, in, 1,
                   packed_.data_ptr<float> () + column * in, product_columns,
                   rows + column, out, count, in, true});
    }
  });
  return to;
}

} // namespace daetalker
