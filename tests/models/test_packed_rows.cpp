// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/packed_rows.h"

#include <gtest/gtest.h>
#include <torch/utils.h>

#include "tests/models/tolerance.h"

namespace daetalker {
namespace {

// Whole blocks of columns, parts of one, and several threads.
TEST (PackedRows, SumsAsTheMatrixDoes)
{
  torch::manual_seed (2);
  for (const int64_t width : {1, 7, 64, 2048, 5000})
    for (const int64_t batch : {1, 3}) {
      // Rows of very different size, as principal components are.
      const auto rows =
          torch::randn ({42, width}) * torch::logspace (0, -4, 42).unsqueeze (1);
      const auto weights = torch::randn ({batch, 42}), offset = torch::randn ({width});
      const auto exact = torch::addmm (offset, weights, rows);
      const auto sum = PackedRows (rows).sum (offset, weights);
      ASSERT_EQ (sum.sizes (), exact.sizes ());
      // Half a unit of each row's largest number, times its weight; and float32's own.
      const auto bound = weights.abs ().mv (rows.abs ().amax (1)) / 254 + 1e-5;
      EXPECT_LT (((sum - exact).abs ().amax (1) / bound).max ().item<double> (), 1)
          << width;
    }
}

TEST (PackedRows, KeepARowOfZerosAndEachRowsOwnScale)
{
  auto rows = torch::zeros ({3, 5});
  rows[1] += 1e-6;
  rows[2] += 1e6;
  const auto sum = PackedRows (rows).sum (
      torch::zeros ({5}),
      torch::tensor ({{1.f, 0.f, 0.f}, {0.f, 1.f, 0.f}, {0.f, 0.f, 1.f}}));
  EXPECT_EQ (largest (sum[0]), 0);
  EXPECT_LT (largest (sum[1] - 1e-6), 1e-12);
  EXPECT_LT (largest (sum[2] - 1e6), 1);
}

// Each column of its own, where it was.
TEST (PackedRows, KeepTheColumnsInTheirOrder)
{
  const auto rows = torch::arange (-100, 100, torch::kFloat).unsqueeze (0);
  const auto sum = PackedRows (rows).sum (torch::zeros ({200}), torch::ones ({1, 1}));
  EXPECT_LT (largest (sum - rows), 100 / 254.0 + 1e-4);
}

TEST (PackedRows, AreEmptyUntilTheyHoldSomething)
{
  EXPECT_TRUE (PackedRows ().is_empty ());
  EXPECT_FALSE (PackedRows (torch::ones ({1, 1})).is_empty ());
}

} // namespace
} // namespace daetalker
