// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/landmark_head.h"

namespace daetalker {

using torch::Tensor;

namespace {

// Places of all points, and the shapes of mouth and eyes apart from where the head
// is: [N, 68, 2] -> [N, 200].
Tensor
shapes (const Tensor &landmarks)
{
  auto shape = [&] (int first, int last) {
    Tensor points = landmarks.slice (1, first, last);
    return (points - points.mean (1, true)).flatten (1);
  };
  return torch::cat (
      {landmarks.flatten (1), shape (48, 68), shape (36, 42), shape (42, 48)}, 1);
}

} // namespace

LandmarkHeadImpl::LandmarkHeadImpl (const FrameStore &store, int64_t latent_size)
{
  Tensor all = shapes (store.landmarks ());
  Tensor seen = all.index_select (0, store.training ());
  targets_ = (all - seen.mean (0)) / seen.std (0).clamp_min (0.1);
  linear_ =
      register_module ("linear", torch::nn::Linear (latent_size, targets_.size (1)));
}

Tensor
LandmarkHeadImpl::loss (const Tensor &z, const Tensor &frames)
{
  return torch::mse_loss (linear_ (z), targets_.index_select (0, frames));
}

} // namespace daetalker
