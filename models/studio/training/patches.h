// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Frames as the networks' stems see them, without a detour over planar pictures.
#pragma once

#include <torch/types.h>

namespace daetalker {

// uint8 [B, H, W, 3] -> [B, 3, H, W] float32 in [-1, 1].
inline torch::Tensor
picture_batch (const torch::Tensor &pictures)
{
  return (pictures.to (torch::kFloat) / 127.5 - 1).permute ({0, 3, 1, 2});
}

// uint8 [B, H, W, 3] -> [B, 3*patch^2, H/patch, W/patch] in [-1, 1], channels-last,
// in the channel order of pixel_unshuffle.
inline torch::Tensor
picture_patches (const torch::Tensor &pictures, int patch, torch::ScalarType type)
{
  int64_t batch = pictures.size (0), h = pictures.size (1) / patch,
          w = pictures.size (2) / patch;
  torch::Tensor rows = pictures.view ({batch, h, patch, w, patch, 3})
                           .permute ({0, 1, 3, 5, 2, 4})
                           .reshape ({batch, h, w, 3 * patch * patch});
  return rows.to (torch::kFloat)
      .mul_ (1 / 127.5)
      .sub_ (1)
      .to (type)
      .permute ({0, 3, 1, 2});
}

} // namespace daetalker
