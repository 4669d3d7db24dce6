// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The configurations of a bundle's networks, checked against its facts.  Free of
// LibTorch.
#pragma once

#include "models/io/bundle.h"
#include "models/nn/autoencoder_config.h"
#include "models/nn/speech2latent_config.h"

namespace daetalker {

struct NetworkConfigs {
  AutoencoderConfig autoencoder;
  Speech2LatentConfig speech2latent;
};

// Throws Error (corrupt) for values of a wrong type or out of range, and where two
// statements of avatar.json contradict each other.
NetworkConfigs read_network_configs (const Bundle &bundle);

} // namespace daetalker
