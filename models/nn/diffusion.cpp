// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/diffusion.h"

#include "models/engine.h"
#include "models/nn/interruption.h"

#include <cmath>

namespace daetalker {

using torch::Tensor;

namespace {

int
count_for_stride (int stride)
{
  return (diffusion_steps + stride - 1) / stride;
}

Tensor
step_tensor (int t, const Tensor &like)
{
  return torch::full ({1}, t, like.options ().dtype (torch::kFloat));
}

// The noise implied by a (clamped) x0.
Tensor
derive_eps (const Tensor &x, const Tensor &x0, double alpha_bar)
{
  return (x * std::sqrt (1 / alpha_bar) - x0) / std::sqrt (1 / alpha_bar - 1);
}

} // namespace

const std::vector<double> &
alphas_cumprod ()
{
  static const std::vector<double> table = [] {
    std::vector<double> result (diffusion_steps);
    double product = 1;
    for (int i = 0; i < diffusion_steps; i++) {
      double beta = 1e-4 + (0.02 - 1e-4) * i / (diffusion_steps - 1);
      product *= 1 - beta;
      result[i] = product;
    }
    return result;
  }();
  return table;
}

bool
is_ddim_count (int steps)
{
  if (steps < 2 || steps > diffusion_steps)
    return false;
  for (int stride = 1; stride < diffusion_steps; stride++)
    if (count_for_stride (stride) == steps)
      return true;
  return false;
}

std::vector<int>
supported_steps ()
{
  std::vector<int> result = {1};
  for (int steps = 2; steps <= diffusion_steps; steps++)
    if (is_ddim_count (steps))
      result.push_back (steps);
  return result;
}

std::vector<int>
ddim_timesteps (int steps)
{
  for (int stride = 1; stride < diffusion_steps; stride++)
    if (count_for_stride (stride) == steps) {
      std::vector<int> result;
      for (int t = 0; t < diffusion_steps; t += stride)
        result.push_back (t);
      return result;
    }
  int below = steps, above = steps;
  while (below > 2 && !is_ddim_count (below))
    below--;
  while (above < diffusion_steps && !is_ddim_count (above))
    above++;
  throw Error (ErrorCode::wrong_model, "steps=" + std::to_string (steps),
               "no stride divides the 1000 steps into that many",
               "The nearest counts that work are " +
                   std::to_string (std::max (below, 2)) + " and " +
                   std::to_string (above));
}

Tensor
predict_x0 (const Tensor &x, const Tensor &output, int t, Prediction prediction,
            bool clamp)
{
  double alpha_bar = alphas_cumprod ()[t];
  Tensor x0 = prediction == Prediction::x0 ? output
                                           : x * std::sqrt (1 / alpha_bar) -
                                                 output * std::sqrt (1 / alpha_bar - 1);
  return clamp ? x0.clamp (-1, 1) : x0;
}

Tensor
ddim_sample (const Denoiser &denoise, Tensor x, int steps, Prediction prediction)
{
  if (steps == 1) {
    int last = diffusion_steps - 1;
    return predict_x0 (x, denoise (x, step_tensor (last, x)), last, prediction);
  }
  std::vector<int> timesteps = ddim_timesteps (steps);
  for (int i = steps - 1; i >= 0; i--) {
    interruption_point ();
    int t = timesteps[i];
    double alpha_bar = alphas_cumprod ()[t];
    double previous = i > 0 ? alphas_cumprod ()[timesteps[i - 1]] : 1.0;
    Tensor x0 = predict_x0 (x, denoise (x, step_tensor (t, x)), t, prediction);
    Tensor eps = derive_eps (x, x0, alpha_bar);
    x = x0 * std::sqrt (previous) + eps * std::sqrt (1 - previous);
  }
  return x;
}

Tensor
ddim_invert (const Denoiser &denoise, Tensor x, int steps, Prediction prediction)
{
  std::vector<int> timesteps = ddim_timesteps (steps);
  for (int i = 0; i < steps; i++) {
    int t = timesteps[i];
    double alpha_bar = alphas_cumprod ()[t];
    double next = i + 1 < steps ? alphas_cumprod ()[timesteps[i + 1]] : 0.0;
    Tensor x0 = predict_x0 (x, denoise (x, step_tensor (t, x)), t, prediction);
    Tensor eps = derive_eps (x, x0, alpha_bar);
    x = x0 * std::sqrt (next) + eps * std::sqrt (1 - next);
  }
  return x;
}

} // namespace daetalker
