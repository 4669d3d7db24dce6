// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/nn/unet.h"

#include <cmath>
#include <string>
#include <torch/utils.h>

namespace daetalker {

// A network of random weights.  Every tensor counts, the zero-initialised too.
inline UNet
random_unet (const UNetConfig &config)
{
  const torch::NoGradGuard no_grad;
  UNet unet (config);
  for (auto &item : unet->named_parameters ()) {
    auto &parameter = item.value ();
    auto noise = torch::randn_like (parameter);
    if (parameter.dim () > 1)
      parameter.copy_ (noise / std::sqrt (double (parameter[0].numel ())));
    else if (item.key ().find ("weight") != std::string::npos)
      parameter.copy_ (1 + 0.2 * noise);
    else
      parameter.copy_ (0.1 * noise);
  }
  return unet;
}

} // namespace daetalker
