// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The diffusion process of Diff-AE (diffusion/base.py, diffusion.py): linear betas
// over 1000 steps, DDIM without noise, and its inversion.
#pragma once

#include <torch/types.h>
#include <vector>

#include <functional>

#include "models/nn/autoencoder_config.h"

namespace daetalker {

constexpr int diffusion_steps = 1000;

// Products of (1 - beta) with beta linear from 1e-4 to 0.02; [1000], float64.
const std::vector<double> &alphas_cumprod ();

// The published spacing `ddimN`: the smallest stride s with len(range(0,1000,s)) ==
// steps, from 0 upwards.  Many counts have none (1, 37, 41 ...): throws
// daetalker::Error (wrong_model) that names the nearest ones that do.
std::vector<int> ddim_timesteps (int steps);
bool is_ddim_count (int steps);

// Every count that has a spacing, and 1 (one evaluation at the last step), ascending.
std::vector<int> supported_steps ();

// (x [B,3,H,W], t [1]) -> the network's output [B,3,H,W], with z bound.
using Denoiser =
    std::function<torch::Tensor (const torch::Tensor &x, const torch::Tensor &t)>;

// The clean picture implied by the network's output at step t, clamped to [-1, 1]
// where `clamp` (the published clip_denoised).
torch::Tensor predict_x0 (const torch::Tensor &x, const torch::Tensor &output, int t,
                          Prediction prediction, bool clamp = true);

// DDIM with eta 0 from noise to picture in `steps` evaluations; eps is derived
// again from the clamped x0, as published.  steps == 1 evaluates once at step 999.
torch::Tensor ddim_sample (const Denoiser &denoise, torch::Tensor noise, int steps,
                           Prediction prediction);

// DDIM run upwards: picture -> the noise that it would be sampled from.
torch::Tensor ddim_invert (const Denoiser &denoise, torch::Tensor picture, int steps,
                           Prediction prediction);

} // namespace daetalker
