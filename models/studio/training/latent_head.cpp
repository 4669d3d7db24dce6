// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/latent_head.h"

#include "models/studio/progress.h"

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

// The brightness of `width` x `height` pixels around the middle of points
// first..last, every second one, moving with the head.
// picture: uint8 [side, side, 3]; points: [68, 2]
Tensor
glimpse (const Tensor &picture, const Tensor &points, int first, int last, int64_t width,
         int64_t height)
{
  int64_t side = picture.size (0);
  Tensor middle = points.slice (0, first, last).mean (0);
  auto corner = [&] (int axis, int64_t extent) {
    int64_t value = int64_t (middle[axis].item<float> ()) - extent / 2;
    return std::clamp<int64_t> (value, 0, side - extent);
  };
  int64_t x = corner (0, width), y = corner (1, height);
  return picture.slice (0, y, y + height, 2)
      .slice (1, x, x + width, 2)
      .to (torch::kFloat)
      .mean (2)
      .flatten ();
}

// Mouth, eyes and the whole picture at a sixteenth: [N, n].
Tensor
glimpses (const FrameStore &store)
{
  std::vector<Tensor> rows;
  Progress progress ("glimpses", size_t (store.frames ()));
  for (int64_t i = 0; i < store.frames (); i++) {
    Tensor picture = store.pictures (torch::full ({1}, i, torch::kLong))[0];
    Tensor points = store.landmarks ()[i];
    Tensor coarse = torch::avg_pool2d (
        picture.permute ({2, 0, 1}).unsqueeze (0).to (torch::kFloat), 16);
    rows.push_back (
        torch::cat ({glimpse (picture, points, 48, 68, 48, 36),
                     glimpse (picture, points, 36, 42, 28, 16),
                     glimpse (picture, points, 42, 48, 28, 16), coarse.flatten ()}));
    progress.add ();
  }
  return torch::stack (rows);
}

} // namespace

LatentHeadImpl::LatentHeadImpl (const FrameStore &store, int64_t latent_size)
{
  Tensor all = torch::cat ({shapes (store.landmarks ()), glimpses (store)}, 1);
  Tensor seen = all.index_select (0, store.training ());
  targets_ = (all - seen.mean (0)) / seen.std (0).clamp_min (0.1);
  linear_ =
      register_module ("linear", torch::nn::Linear (latent_size, targets_.size (1)));
}

Tensor
LatentHeadImpl::loss (const Tensor &z, const Tensor &frames)
{
  return torch::mse_loss (linear_ (z), targets_.index_select (0, frames));
}

} // namespace daetalker
