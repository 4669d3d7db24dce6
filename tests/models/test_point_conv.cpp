// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/point_conv.h"

#include <gtest/gtest.h>
#include <torch/utils.h>

namespace daetalker {
namespace {

// Whole parts of pixels and parts of one, several pictures, any memory format, and
// outputs that own products serve and that they do not.
TEST (PointConv, AddsAsConvolutionsDo)
{
  torch::manual_seed (4);
  for (const int64_t out : {16, 48, 20})
    for (const int64_t side : {1, 5, 16})
      for (const int64_t batch : {1, 3})
        for (const auto format :
             {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
          PointConv layer (24, out);
          const auto x = torch::randn ({batch, 24, side, side}).contiguous (format);
          const auto sum = torch::randn ({batch, out, side, side}).contiguous (format);
          const auto exact =
              sum + torch::conv2d (x.contiguous (), layer->weight, layer->bias);
          layer->settle ();
          const torch::NoGradGuard no_grad;
          const auto made = layer->added_to (sum.clone (), x);
          ASSERT_EQ (made.sizes (), exact.sizes ());
          EXPECT_LT ((made - exact).abs ().max ().item<double> (), 1e-5)
              << out << " of side " << side;
        }
}

TEST (PointConv, IsDifferentiable)
{
  PointConv layer (8, 16);
  layer->settle ();
  const auto x = torch::ones ({1, 8, 4, 4});
  layer->added_to (torch::zeros ({1, 16, 4, 4}), x).sum ().backward ();
  EXPECT_TRUE (torch::equal (layer->weight.grad (), torch::full ({16, 8, 1, 1}, 16.f)));
}

// A change of the picture's type leaves it to LibTorch.
TEST (PointConv, TakesWeightsOfOtherTypes)
{
  PointConv layer (8, 16);
  layer->to (torch::kBFloat16);
  layer->settle ();
  const torch::NoGradGuard no_grad;
  const auto made = layer->added_to (torch::zeros ({1, 16, 4, 4}, torch::kBFloat16),
                                     torch::ones ({1, 8, 4, 4}, torch::kBFloat16));
  EXPECT_EQ (made.scalar_type (), torch::kBFloat16);
}

} // namespace
} // namespace daetalker
