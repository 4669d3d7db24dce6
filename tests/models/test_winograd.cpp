// SPDX-License-Identifier: LGPL-2.1-or-later
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/utils.h>

#include "models/nn/conv3x3.h"
#include "models/nn/winograd.h"

#include "tests/models/tolerance.h"

using namespace daetalker;
using torch::Tensor;

namespace {

struct Case {
  int64_t batch, in, out, height, width;
  bool enlarged;
};

void
PrintTo (const Case &c, std::ostream *out)
{
  *out << c.batch << "x" << c.in << "x" << c.height << "x" << c.width << " to " << c.out
       << (c.enlarged ? ", enlarged" : "");
}

// By other means than the network's.
Tensor
repeated_twice (const Tensor &x)
{
  return x.repeat_interleave (2, 2).repeat_interleave (2, 3);
}

// Threads of LibTorch, for as long as it lives.
class Threads {
public:
  explicit Threads (int count) : before_ (at::get_num_threads ())
  {
    at::set_num_threads (count);
  }
  ~Threads () { at::set_num_threads (before_); }

private:
  const int before_;
};

class Winograd : public testing::TestWithParam<Case> {
protected:
  Winograd ()
  {
    torch::manual_seed (11);
    const Case &c = GetParam ();
    x_ = torch::randn ({c.batch, c.in, c.height, c.width});
    weight_ = torch::randn ({c.out, c.in, 3, 3}) / std::sqrt (9. * double (c.in));
    bias_ = torch::randn ({c.out});
  }

  // In double, by LibTorch.
  static Tensor plain (const Tensor &x, const Tensor &weight, const Tensor &bias)
  {
    return torch::conv2d (GetParam ().enlarged ? repeated_twice (x) : x, weight, bias, 1,
                          1);
  }

  Tensor x_, weight_, bias_;
};

TEST_P (Winograd, IsTheConvolution)
{
  const Tensor expected = plain (x_.to (torch::kDouble), weight_.to (torch::kDouble),
                                 bias_.to (torch::kDouble));
  const bool enlarged = GetParam ().enlarged;
  ASSERT_TRUE (suits_winograd (x_, weight_, enlarged));
  for (const int threads : {1, 2}) {
    const Threads so_many (threads);
    const Tensor found = winograd_conv (x_, weight_, bias_, {}, enlarged);
    EXPECT_LT (largest (found - expected), 1e-4) << threads << " threads";
    EXPECT_TRUE (found.is_contiguous (at::MemoryFormat::ChannelsLast));
    EXPECT_TRUE (torch::equal (
        found, winograd_conv (x_.contiguous (at::MemoryFormat::ChannelsLast), weight_,
                              bias_, winograd_points (weight_), enlarged)));
    const Tensor sum = torch::randn_like (found, at::MemoryFormat::Contiguous);
    EXPECT_LT (largest (winograd_conv (x_, weight_, bias_, {}, enlarged, sum) -
                        (expected + sum)),
               1e-4)
        << threads << " threads";
  }
}

TEST_P (Winograd, HasItsDerivatives)
{
  const auto wanted = [] (const Tensor &of) {
    return of.to (torch::kDouble).requires_grad_ ();
  };
  const Tensor sum =
      torch::randn_like (plain (x_, weight_, bias_), at::MemoryFormat::Contiguous);
  const std::vector<Tensor> exact = {wanted (x_), wanted (weight_), wanted (bias_),
                                     wanted (sum)};
  const Tensor y = plain (exact[0], exact[1], exact[2]) + exact[3];
  const Tensor slope = torch::randn_like (y);
  const auto expected = torch::autograd::grad ({y}, exact, {slope});

  const std::vector<Tensor> of = {x_.requires_grad_ (), weight_.requires_grad_ (),
                                  bias_.requires_grad_ (), sum.requires_grad_ ()};
  for (const int threads : {1, 2}) {
    const Threads so_many (threads);
    const auto found = torch::autograd::grad (
        {winograd_conv (of[0], of[1], of[2], {}, GetParam ().enlarged, of[3])}, of,
        {slope.to (torch::kFloat)});
    for (size_t i = 0; i < of.size (); i++)
      EXPECT_LT (largest (found[i] - expected[i]), 3e-5 * largest (expected[i]))
          << "input " << i << ", " << threads << " threads";
  }
}

// The last: fewer tiles than go at once on one thread, and a rest on two.
INSTANTIATE_TEST_SUITE_P (
    Shapes, Winograd,
    testing::Values (Case{1, 32, 48, 32, 64, false}, Case{3, 6, 16, 12, 16, false},
                     Case{2, 54, 32, 16, 20, false}, Case{2, 24, 32, 8, 16, true},
                     Case{1, 160, 96, 16, 16, false}, Case{1, 16, 16, 16, 16, true},
                     Case{1, 64, 32, 20, 16, false}));

TEST (Winograd, LeavesToOthersWhatDoesNotSuit)
{
  const Tensor x = torch::zeros ({1, 16, 16, 16}), weight = torch::zeros ({32, 16, 3, 3});
  EXPECT_TRUE (suits_winograd (x, weight));
  EXPECT_FALSE (suits_winograd (x.to (torch::kBFloat16), weight));
  EXPECT_FALSE (suits_winograd (x, weight.to (torch::kBFloat16)));
  EXPECT_FALSE (suits_winograd (x, torch::zeros ({24, 16, 3, 3}))) << "24 of 16s";
  EXPECT_FALSE (suits_winograd (torch::zeros ({1, 16, 18, 16}), weight)) << "18 of 4s";
  EXPECT_FALSE (suits_winograd (torch::zeros ({1, 16, 8, 8}), weight)) << "4 tiles";
  EXPECT_TRUE (suits_winograd (torch::zeros ({1, 16, 8, 8}), weight, true));
  EXPECT_TRUE (suits_winograd (torch::zeros ({4, 16, 8, 8}), weight));
}

// Of every shape, by whatever way, before and after the weights were settled.
TEST (Conv3x3, IsTheConvolution)
{
  torch::manual_seed (4);
  const torch::NoGradGuard no_grad;
  for (const int64_t out : {16, 7})
    for (const int64_t side : {6, 16, 32}) {
      Conv3x3 layer (5, out);
      const Tensor x = torch::randn ({2, 5, side, side + 4});
      const Tensor plain = torch::conv2d (x, layer->weight, layer->bias, 1, 1);
      const Tensor large =
          torch::conv2d (repeated_twice (x), layer->weight, layer->bias, 1, 1);
      for (const char *when : {"before", "settled", "again"}) {
        EXPECT_LT (largest (layer (x) - plain), 5e-5) << out << ", " << side << when;
        EXPECT_LT (largest (layer->added_to (plain, x) - 2 * plain), 5e-5)
            << out << ", " << side << when;
        EXPECT_LT (largest (layer->forward_enlarged (x) - large), 5e-5)
            << out << ", " << side << when;
        layer->settle ();
      }
    }
}

TEST (Conv3x3, EnlargedInPhasesHasItsDerivatives)
{
  torch::manual_seed (4);
  Conv3x3 layer (5, 7);
  const Tensor x = torch::randn ({2, 5, 32, 33}).requires_grad_ ();
  const Tensor plain =
      torch::conv2d (repeated_twice (x), layer->weight, layer->bias, 1, 1);
  const Tensor slope = torch::randn_like (plain);
  const std::vector<Tensor> of = {x, layer->weight, layer->bias};
  const auto expected = torch::autograd::grad ({plain}, of, {slope});
  const auto found = torch::autograd::grad ({layer->forward_enlarged (x)}, of, {slope});
  for (size_t i = 0; i < of.size (); i++)
    EXPECT_LT (largest (found[i] - expected[i]), 1e-5 * largest (expected[i]));
}

} // namespace
