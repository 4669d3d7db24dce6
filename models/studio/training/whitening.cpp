// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/whitening.h"

#include <algorithm>
#include <cmath>
#include <torch/utils.h>

namespace daetalker {

using torch::Tensor;

void
whiten_latents (const Tensor &z, Tensor &weight, Tensor &bias)
{
  constexpr double floor = 0.002; // of the largest standard deviation
  constexpr double max_gain = 2;
  Tensor samples = z.to (torch::kDouble);
  Tensor mean = samples.mean (0);
  Tensor centred = samples - mean;
  Tensor covariance = centred.t ().mm (centred) / double (samples.size (0) - 1);
  auto [variance, axes] = torch::linalg_eigh (covariance, "L");
  variance = variance.clamp_min (0);
  Tensor scale = (variance + variance.max () * floor * floor).rsqrt ();
  // Few components carry most: the mean square of all is brought towards 1.
  double power = (variance * scale * scale).sum ().item<double> ();
  double gain = std::min (max_gain, std::sqrt (double (z.size (1)) / power));
  Tensor change = (scale * gain).unsqueeze (1) * axes.t ();

  torch::NoGradGuard guard;
  Tensor flat = weight.flatten (1).to (torch::kDouble);
  bias.copy_ (change.mv (bias.to (torch::kDouble) - mean));
  weight.copy_ (change.mm (flat).view_as (weight));
}

} // namespace daetalker
