// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Kernels of the networks on a GPU, against LibTorch's double arithmetic.  Run by
// tests/gpu/run; skipped where there is no GPU.
#include "models/nn/fused_norm.h"

#include <gtest/gtest.h>
#include <torch/cuda.h>
#include <torch/utils.h>

#include <string>

namespace daetalker {
namespace {

using torch::Tensor;

struct NormCase {
  int64_t batch, channels, height, width, groups;
  bool shared; // one scale and shift for all pictures
};

// Channels that fill accesses and do not, more of them than a block has threads, pictures
// of fewer pixels than a block, and of more than all blocks take at once.
const NormCase cases[] = {
    {1, 32, 64, 64, 32, true},  {1, 128, 256, 256, 32, false},
    {3, 96, 8, 8, 32, false},   {2, 36, 17, 9, 12, false},
    {1, 3, 5, 7, 3, true},      {2, 1024, 16, 16, 32, true},
    {1, 2080, 4, 3, 32, false},
};

Tensor
reference (const Tensor &x, const Tensor &scale, const Tensor &shift, int64_t groups)
{
  const auto wide = [] (const Tensor &row) {
    return row.to (torch::kDouble).unsqueeze (-1).unsqueeze (-1);
  };
  const Tensor normal = torch::group_norm (x.to (torch::kDouble), groups, {}, {}, 1e-5);
  return torch::silu (normal * wide (scale) + wide (shift));
}

class GpuNorm : public testing::TestWithParam<torch::ScalarType> {
protected:
  void SetUp () override
  {
    if (!torch::cuda::is_available ())
      GTEST_SKIP () << "LibTorch finds no GPU";
  }
};

TEST_P (GpuNorm, AgreesWithDoubleArithmetic)
{
  const torch::NoGradGuard no_grad;
  const torch::ScalarType type = GetParam ();
  // Of values about 1: half of what the type's last bit stands for, and float32's sums.
  const double rounding = type == torch::kFloat  ? 2e-5
                          : type == torch::kHalf ? 1e-3
                                                 : 8e-3;
  for (const NormCase &one : cases) {
    const int64_t rows = one.shared ? 1 : one.batch;
    const Tensor x =
        (torch::randn ({one.batch, one.channels, one.height, one.width}) * 2 + 1)
            .to (type);
    const Tensor scale = torch::randn ({rows, one.channels}) + 1;
    const Tensor shift = torch::randn ({rows, one.channels});
    const Tensor wanted = reference (x, scale, shift, one.groups);
    const Tensor got =
        norm_modulate_silu (x.cuda (), scale.cuda (), shift.cuda (), one.groups);
    EXPECT_EQ (got.scalar_type (), type);
    const Tensor error =
        (got.cpu ().to (torch::kDouble) - wanted).abs () / wanted.abs ().clamp_min (1);
    EXPECT_LE (error.max ().item<double> (), rounding)
        << one.channels << " channels, " << one.height << "x" << one.width;
  }
}

INSTANTIATE_TEST_SUITE_P (Types, GpuNorm,
                          testing::Values (torch::kFloat, torch::kHalf, torch::kBFloat16),
                          [] (const auto &info) {
                            return std::string (torch::toString (info.param));
                          });

} // namespace
} // namespace daetalker
