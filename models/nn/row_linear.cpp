// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/row_linear.h"

#include <ATen/Parallel.h>
#include <ATen/record_function.h>

#include "models/nn/small_product.h"

namespace daetalker {

using torch::Tensor;

namespace {

// A BLAS is better from here on.
constexpr int64_t most_rows = 16;
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
  const int64_t out = weight.size (0), in = weight.size (1);
  if (!weight.is_cpu () || weight.scalar_type () != torch::kFloat ||
      out % product_columns != 0)
    return;
  packed_ = weight.detach ()
                .view ({out / product_columns, product_columns, in})
                .transpose (1, 2)
                .contiguous ();
}

Tensor
RowLinearImpl::forward (const Tensor &x)
{
  const bool few = packed_.defined () && x.numel () <= most_rows * x.size (-1) &&
                   x.scalar_type () == torch::kFloat && !torch::GradMode::is_enabled ();
  return few ? few_rows (x.contiguous ()) : torch::linear (x, weight, bias);
}

Tensor
RowLinearImpl::few_rows (const Tensor &x) const
{
  RECORD_FUNCTION (row_linear_name, std::vector<c10::IValue> ({x, weight}));
  const int64_t out = weight.size (0), in = weight.size (1), rows = x.numel () / in;
  std::vector<int64_t> sizes = x.sizes ().vec ();
  sizes.back () = out;
  // The products are added to the bias.
  Tensor y = bias.defined () ? bias.expand (sizes).clone (at::MemoryFormat::Contiguous)
                             : torch::zeros (sizes, x.options ());
  const float *from = x.data_ptr<float> (), *weights = packed_.data_ptr<float> ();
  float *to = y.data_ptr<float> ();
  const int64_t grain =
      std::max<int64_t> (1, worth_a_thread / (rows * in * product_columns));
  at::parallel_for (0, out / product_columns, grain, [&] (int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++)
      multiply ({from, in, 1, weights + block * in * product_columns, product_columns,
                 to + block * product_columns, out, rows, in, true});
  });
  return y;
}

} // namespace daetalker
