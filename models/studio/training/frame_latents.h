// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The latents of a dataset's frames.
#pragma once

#include "models/studio/training/autoencoder.h"
#include "models/studio/training/frame_store.h"

namespace daetalker {

// [N, latent_size] float32, of all frames of the store; with a progress bar.  Kept in
// the file `cache` (safetensors), which is read where it is of the same encoder.
torch::Tensor frame_latents (Autoencoder &network, const FrameStore &store,
                             const std::string &cache);

} // namespace daetalker
