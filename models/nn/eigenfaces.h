// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A latent that is linear in the picture: the principal components of one person's
// frames (eigenfaces, Turk and Pentland 1991).  Before one fixed camera a few hundred
// of them hold all but the finest detail, the fit is exact and takes a minute, and the
// UNet, given the picture that they make, draws what is missing instead of everything.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "models/nn/packed_rows.h"
#include "models/nn/settling.h"

namespace daetalker {

class EigenfacesImpl : public torch::nn::Module, public Settling {
public:
  // `side`: of the pictures that they see, brightness at half of it, colour at a
  // quarter; a multiple of 4.  `count`: of the components.
  EigenfacesImpl (int side, int count);

  // Pictures as the components see them.
  struct Planes {
    torch::Tensor brightness; // [B, 1, side/2, side/2], Y of BT.601 in [-1, 1]
    torch::Tensor colour;     // [B, 2, side/4, side/4], Cb and Cr in [-1, 1]
  };

  // [B, 3, side, side] RGB in [-1, 1] -> [B, count], of unit variance each over the
  // frames that they were fitted to.
  torch::Tensor encode (const torch::Tensor &pictures);

  // [B, count] -> the pictures' planes, and those as [B, 3, side, side] RGB.
  Planes decode (const torch::Tensor &z);
  torch::Tensor picture (const Planes &planes) const;

  // For drawing: constants go to the device too, and on the CPU decode () reads a packed
  // copy of the components from now on.
  void settle () override;

  int64_t count () const { return directions_.size (0); }
  int side () const { return side_; }

  // Pictures as rows of what is linear, [B, 3/8 side^2].
  torch::Tensor rows (const torch::Tensor &pictures) const;

  // mask: [side/2, side/2], which share of the picture counts where.  Returns [count,
  // count]: a change of z, as a row, times this is the change of z that does to the
  // picture what the first does where the mask is 1, and nothing where it is 0, as far as
  // the components can tell.
  torch::Tensor within (const torch::Tensor &mask) const;

  // [count]: how much each number of z moves the picture, as errors are weighted.
  const torch::Tensor &deviations () const { return deviations_; }

  // The components of `rows` [N, 3/8 side^2], N > count; `weights` [3/8 side^2] says
  // what an error costs where.  Rounded to float16, as bundles hold them.
  void fit (const torch::Tensor &rows, const torch::Tensor &weights);

private:
  int side_;
  torch::Tensor mean_;               // [3/8 side^2]
  torch::Tensor directions_;         // [count, 3/8 side^2], one standard deviation each
  torch::Tensor weights_;            // [3/8 side^2], 1 on average
  torch::Tensor deviations_;         // [count], lengths of the directions, so weighted
  torch::Tensor to_ycc_, to_rgb_;    // [3, 3, 1, 1], [3, 2, 1, 1]
  torch::Tensor twice_, four_times_; // what enlarges the planes
  PackedRows packed_;
};
TORCH_MODULE (Eigenfaces);

} // namespace daetalker
