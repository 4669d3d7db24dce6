// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/reference_warp.h"

#include <torch/nn/functional/upsampling.h>
#include <torch/nn/functional/vision.h>
#include <torch/utils.h>

namespace daetalker {

using torch::Tensor;
namespace F = torch::nn::functional;

namespace {

// A flow of 1 moves by this share of the picture's half side: 8 pixels of 256.
constexpr double flow_unit = 1.0 / 16;
// The references begin with an eighth of the result and earn the rest.
constexpr double first_share = -2; // before the sigmoid

} // namespace

ReferenceWarpImpl::ReferenceWarpImpl (int references, int image_size, int patch,
                                      int channels)
    : references_ (references), patch_ (patch)
{
  pictures_ = register_parameter ("pictures",
                                  torch::zeros ({references, 3, image_size, image_size}));
  // Flow x, y and blending weight of each reference, then a share for each pixel.
  motion_ =
      register_module ("motion", Conv3x3 (channels, 3 * references + patch * patch));
  torch::NoGradGuard guard;
  motion_->weight.mul_ (0.1);
  motion_->bias.zero_ ();
  motion_->bias.slice (0, 3 * references).fill_ (first_share);
  const Tensor unmoved = torch::eye (2, 3).unsqueeze (0);
  identity_ = F::affine_grid (unmoved, {1, 3, image_size, image_size}, false);
}

ReferenceWarpImpl::Output
ReferenceWarpImpl::forward (const Tensor &h)
{
  const Tensor motion = motion_ (h);
  Tensor share = motion.slice (1, 3 * references_);
  if (patch_ > 1)
    share = torch::pixel_shuffle (share, patch_);

  Tensor coarse = motion.slice (1, 0, 3 * references_).to (torch::kFloat);
  coarse = torch::cat ({coarse.slice (1, 0, 2 * references_) * flow_unit,
                        torch::softmax (coarse.slice (1, 2 * references_), 1)},
                       1);
  if (patch_ > 1)
    coarse = F::interpolate (coarse, F::InterpolateFuncOptions ()
                                         .scale_factor (std::vector<double> (2, patch_))
                                         .mode (torch::kBilinear)
                                         .align_corners (false));
  if (identity_.device () != h.device ())
    identity_ = identity_.to (h.device ());
  const auto sampling = F::GridSampleFuncOptions ()
                            .mode (torch::kBilinear)
                            .padding_mode (torch::kBorder)
                            .align_corners (false);
  Tensor picture, square;
  for (int k = 0; k < references_; k++) {
    const Tensor flow = coarse.slice (1, 2 * k, 2 * k + 2).permute ({0, 2, 3, 1});
    const Tensor reference =
        pictures_.slice (0, k, k + 1).expand ({h.size (0), -1, -1, -1});
    const Tensor weight = coarse.slice (1, 2 * references_ + k, 2 * references_ + k + 1);
    const Tensor warped = F::grid_sample (reference, identity_ + flow, sampling);
    const Tensor part = warped * weight;
    picture = k == 0 ? part : picture + part;
    if (torch::GradMode::is_enabled ())
      square = k == 0 ? part * warped : square + part * warped;
  }
  return {picture, square, torch::sigmoid (share.to (torch::kFloat))};
}

} // namespace daetalker
