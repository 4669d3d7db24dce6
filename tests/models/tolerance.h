// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/types.h>

namespace daetalker {

// Of the same arithmetic by other means, for numbers near 1.
constexpr double float32_tolerance = 1e-4;
constexpr double bfloat16_tolerance = 2e-2; // relative

// The largest magnitude.
inline double
largest (const torch::Tensor &x)
{
  return x.abs ().max ().item<double> ();
}

} // namespace daetalker
