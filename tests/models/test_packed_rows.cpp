// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/packed_rows.h"

#include <gtest/gtest.h>
#include <torch/utils.h>

#include "tests/models/tolerance.h"

namespace daetalker {
namespace {

// Whole blocks of columns, parts of one, and several threads; 42 rows are no whole fours.
TEST (PackedRows, SumsAsTheMatrixDoes)
{
  torch::manual_seed (2);
  for (const int64_t width : {1, 7, 2048, 5000})
    for (const int64_t batch : {1, 3}) {
      // Rows of very different size, as principal components are.
      const auto rows =
          torch::randn ({42, width}) * torch::logspace (0, -4, 42).unsqueeze (1);
      const auto weights = torch::randn ({batch, 42}), offset = torch::randn ({width});
      const auto exact = torch::addmm (offset, weights, rows);
      const auto sum = PackedRows (rows).sum (offset, weights);
      ASSERT_EQ (sum.sizes (), exact.sizes ());
      EXPECT_EQ (largest (exact - torch::addmm (offset, weights, rows)), 0);
      // Half a unit of each row's largest number, which is below 5 here.
      EXPECT_LT (largest (sum - exact), 42 * 3 * 5.0 / 65534) << width;
      EXPECT_LT (largest (sum - exact) / std::max (largest (exact - offset), 0.1), 1e-3);
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
  EXPECT_LT (largest (sum[1] - 1e-6), 1e-10);
  EXPECT_LT (largest (sum[2] - 1e6), 100);
}

TEST (PackedRows, AreEmptyUntilTheyHoldSomething)
{
  EXPECT_TRUE (PackedRows ().is_empty ());
  EXPECT_FALSE (PackedRows (torch::ones ({1, 1})).is_empty ());
}

} // namespace
} // namespace daetalker
