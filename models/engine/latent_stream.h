// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Speech features -> latents, window by window.
#pragma once

#include "models/engine.h"
#include "models/engine/placement.h"
#include "models/nn/speech2latent.h"

#include <memory>

namespace daetalker {

// `net` is in evaluation mode on the placement's device, and may serve other
// streams at the same time.
std::unique_ptr<LatentStream> open_latent_stream (Speech2Latent net,
                                                  const Placement &placement,
                                                  const Window &window,
                                                  const std::string &subject);

} // namespace daetalker
