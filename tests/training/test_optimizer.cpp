// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/optimizer.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <torch/nn/modules/linear.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adam.h>
#include <torch/utils.h>

using torch::Tensor;

namespace {

daetalker::AdamOptions
options ()
{
  daetalker::AdamOptions result;
  result.learning_rate = 1e-2;
  result.clip_norm = 0.5;
  return result;
}

Tensor
loss_of (torch::nn::Linear &layer, const Tensor &x)
{
  return (layer (x) - 1).pow (2).mean ();
}

} // namespace

// In float32 it is LibTorch's own Adam with its own clipping of the gradient.
TEST (MasterAdam, IsAdam)
{
  torch::manual_seed (1);
  torch::nn::Linear ours (6, 4), theirs (6, 4);
  {
    torch::NoGradGuard guard;
    theirs->weight.copy_ (ours->weight);
    theirs->bias.copy_ (ours->bias);
  }
  daetalker::MasterAdam adam (*ours, options ());
  torch::optim::Adam reference (theirs->parameters (), torch::optim::AdamOptions (1e-2));
  for (int i = 0; i < 50; i++) {
    Tensor x = torch::randn ({8, 6});
    loss_of (ours, x).backward ();
    adam.step ();
    reference.zero_grad ();
    loss_of (theirs, x).backward ();
    torch::nn::utils::clip_grad_norm_ (theirs->parameters (), 0.5);
    reference.step ();
  }
  EXPECT_LT ((ours->weight - theirs->weight).abs ().max ().item<float> (), 1e-5);
  EXPECT_LT ((ours->bias - theirs->bias).abs ().max ().item<float> (), 1e-5);
}

// Steps far below bfloat16's resolution add up in the masters.
TEST (MasterAdam, SmallStepsAddUpInBfloat16)
{
  torch::nn::Linear layer (1, 1);
  {
    torch::NoGradGuard guard;
    layer->weight.fill_ (1);
  }
  layer->to (torch::kBFloat16);
  daetalker::AdamOptions small = options ();
  small.learning_rate = 1e-4;
  daetalker::MasterAdam adam (*layer, small);
  for (int i = 0; i < 400; i++) {
    layer->weight.mutable_grad () = torch::ones_like (layer->weight);
    adam.step ();
  }
  EXPECT_NEAR (layer->weight.item<float> (), 0.96, 0.004);
}

TEST (MasterAdam, ResumesWhereItStopped)
{
  torch::manual_seed (2);
  torch::nn::Linear first (3, 2), second (3, 2);
  daetalker::MasterAdam one (*first, options ());
  auto train = [] (torch::nn::Linear &layer, daetalker::MasterAdam &adam, int seed) {
    torch::manual_seed (seed);
    for (int i = 0; i < 10; i++) {
      loss_of (layer, torch::randn ({4, 3})).backward ();
      adam.step ();
    }
  };
  train (first, one, 3);
  daetalker::MasterAdam two (*second, options ());
  two.load_state (one.state (), one.steps (), "state");
  train (first, one, 4);
  train (second, two, 4);
  EXPECT_TRUE (torch::equal (first->weight, second->weight));
  EXPECT_TRUE (torch::equal (one.averaged ().at ("bias"), two.averaged ().at ("bias")));
}

TEST (MasterAdam, DropsAGradientThatIsNotFinite)
{
  torch::nn::Linear layer (2, 2);
  daetalker::MasterAdam adam (*layer, options ());
  Tensor before = layer->weight.clone ();
  layer->weight.mutable_grad () =
      torch::full_like (layer->weight, std::numeric_limits<float>::quiet_NaN ());
  EXPECT_FALSE (std::isfinite (adam.step ()));
  EXPECT_TRUE (torch::equal (layer->weight, before));
  EXPECT_EQ (adam.steps (), 0);
}
