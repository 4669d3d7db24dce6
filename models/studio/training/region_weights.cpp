// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/region_weights.h"

namespace daetalker {

using torch::Tensor;

Tensor
region_weights (const Tensor &landmarks, int side, int patch, const RegionGains &gains)
{
  int64_t n = side / patch;
  Tensor centre = (torch::arange (n, torch::kFloat) + 0.5) * patch;
  Tensor x = centre.view ({1, 1, n}), y = centre.view ({1, n, 1});
  Tensor weights = torch::ones ({landmarks.size (0), n, n});
  // A bell over the box of landmarks first..last, 0.8 times as high as wide.
  auto add = [&] (int first, int last, double gain) {
    Tensor points = landmarks.slice (1, first, last);
    Tensor low = std::get<0> (points.min (1)), high = std::get<0> (points.max (1));
    Tensor middle = (low + high) / 2;
    Tensor width = (high - low).select (1, 0).clamp_min (2.f * patch).view ({-1, 1, 1});
    Tensor dx = (x - middle.select (1, 0).view ({-1, 1, 1})) / (0.5 * width);
    Tensor dy = (y - middle.select (1, 1).view ({-1, 1, 1})) / (0.4 * width);
    weights += (gain - 1) * torch::exp (-0.5 * (dx * dx + dy * dy));
  };
  add (48, 68, gains.mouth);
  add (36, 42, gains.eyes);
  add (42, 48, gains.eyes);
  return (weights / weights.mean ({1, 2}, true)).unsqueeze (1);
}

} // namespace daetalker
