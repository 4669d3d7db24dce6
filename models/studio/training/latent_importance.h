// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Which of a latent's dimensions viewers see.
#pragma once

#include <string>

#include "models/studio/training/frame_store.h"
#include "models/studio/training/sequences.h"

namespace daetalker {

// How much each latent dimension moves the picture, mouth and eyes first: mean 1,
// [latent_size].  Latents are not all alike, and a plain squared error spends the
// network on those that nobody sees.  Of the folder `work`: autoencoder.safetensors and
// noise.safetensors; the result lies in importance.safetensors, and is not computed
// again for the same autoencoder and clips.
torch::Tensor latent_importance (const FrameStore &store, const std::string &work,
                                 const SequenceSet &set);

} // namespace daetalker
