// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/region_mask.h"

namespace daetalker {

using torch::Tensor;

Tensor
region_mask (const Tensor &points, int side, double wide, double high)
{
  const Tensor halved = points / 2; // the mask's pixels
  const Tensor middle = halved.mean (0);
  const Tensor x = halved.select (1, 0);
  const double width = (x.max () - x.min ()).item<double> ();
  const auto squared = [&] (int axis, double radius) {
    return ((torch::arange (side / 2, torch::kFloat) - middle[axis]) / radius).square ();
  };
  const Tensor distance =
      squared (0, wide * width).unsqueeze (0) + squared (1, high * width).unsqueeze (1);
  return torch::sigmoid (4 * (1 - distance));
}

} // namespace daetalker
