// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/bicubic.h"

#include <gtest/gtest.h>
#include <torch/nn/functional/upsampling.h>
#include <torch/utils.h>

namespace daetalker {
namespace {

namespace F = torch::nn::functional;

// Planes smaller than the kernel, of no square, several at once.
TEST (Bicubic, EnlargesAsPyTorchDoes)
{
  torch::manual_seed (5);
  for (const int factor : {2, 4})
    for (const int64_t height : {1, 3, 16})
      for (const int64_t width : {1, 2, 31}) {
        const auto planes = torch::randn ({2, 3, height, width});
        const auto theirs = F::interpolate (
            planes,
            F::InterpolateFuncOptions ()
                .scale_factor (std::vector<double>{double (factor), double (factor)})
                .mode (torch::kBicubic)
                .align_corners (false));
        const auto ours = enlarge_bicubically (planes, factor);
        ASSERT_EQ (ours.sizes (), theirs.sizes ());
        EXPECT_LT ((ours - theirs).abs ().max ().item<double> (), 1e-5)
            << factor << " times " << width << "x" << height;
      }
}

} // namespace
} // namespace daetalker
