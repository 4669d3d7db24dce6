// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/row_linear.h"

#include <ATen/Parallel.h>
#include <ATen/record_function.h>

#include "models/nn/row_kernels.h"
#include "models/nn/small_product.h"

namespace daetalker {

using torch::Tensor;

namespace {

// Multiply-adds that are worth a thread.
constexpr int64_t worth_a_thread = 1 << 18;

} // namespace

RowLinearImpl::RowLinearImpl (int64_t in, int64_t out, bool with_bias)
    : LinearImpl (torch::nn::LinearOptions (in, out).bias (with_bias))
{
}

void
RowLinearImpl::settle ()
{
  packed_ = packed_columns (weight);
}

Tensor
RowLinearImpl::forward (const Tensor &x)
{
  return packed_.defined () && are_few_rows (x) ? few_rows (x.contiguous ())
                                                : torch::linear (x, weight, bias);
}

Tensor
RowLinearImpl::few_rows (const Tensor &x) const
{
  RECORD_FUNCTION (row_linear_name, std::vector<c10::IValue> ({x, weight}));
  const int64_t out = weight.size (0), in = weight.size (1), rows = x.numel () / in;
  std::vector<int64_t> sizes = x.sizes ().vec ();
  sizes.back () = out;
  const Tensor y = torch::empty (sizes, x.options ());
  const float *from = x.data_ptr<float> (), *weights = packed_.data_ptr<float> ();
  float *to = y.data_ptr<float> ();
  const bool add = bias.defined (); // the products, to it
  if (add)
    for (int64_t row = 0; row < rows; row++)
      std::copy_n (bias.data_ptr<float> (), out, to + row * out);
  const int64_t grain =
      std::max<int64_t> (1, worth_a_thread / (rows * in * product_columns));
  at::parallel_for (0, out / product_columns, grain, [&] (int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++)
      multiply ({from, in, 1, weights + block * in * product_columns, product_columns,
                 to + block * product_columns, out, rows, in, add});
  });
  return y;
}

Tensor
packed_columns (const Tensor &weight)
{
  const int64_t out = weight.size (0), in = weight.size (1);
  if (!weight.is_cpu () || weight.scalar_type () != torch::kFloat ||
      out % product_columns != 0)
    return {};
  return weight.detach ()
      .reshape ({out / product_columns, product_columns, in})
      .transpose (1, 2)
      .contiguous ();
}

} // namespace daetalker
