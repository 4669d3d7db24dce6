// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A UNet with fewer channels that starts from one that is trained.
#pragma once

#include "models/io/tensors.h"
#include "models/nn/autoencoder_config.h"

namespace daetalker {

// The first channels of each level of a UNet, and what they read of each other: what it
// has learnt is there, though not all of it, and training mends that sooner than it
// learns it anew (for the avatar that ships, in minutes instead of an hour).
//   weights:  of an autoencoder; its unet.* are of shape `from`
//   file:     named in errors
// Returns those with unet.* of shape `to`; the same where both have the same channels.
// Throws Error (wrong_model): where `to` differs in more than model_channels and
// channel_mult, or has more channels anywhere; where `weights` are not of `from`.
TensorMap narrowed_unet (const TensorMap &weights, const UNetConfig &from,
                         const UNetConfig &to, const std::string &file);

} // namespace daetalker
