// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Eigenfaces of a dataset's training frames: a minute's work in place of an encoder's
// training.
#pragma once

#include <string>

#include "models/nn/eigenfaces.h"
#include "models/studio/training/frame_store.h"
#include "models/studio/training/region_weights.h"

namespace daetalker {

// An error counts as `gains` say, with mouth and eyes where the landmarks have them on
// average.  Kept in the file `cache` (safetensors), which is read where it is there.
// Throws Error wrong_model where there are fewer frames than components.
void fit_eigenfaces (Eigenfaces &eigenfaces, const FrameStore &store,
                     const RegionGains &gains, const std::string &cache);

// Of the autoencoder in this file (as train_autoencoder writes it); empty if its latents
// are of an encoder.
Eigenfaces read_eigenfaces (const std::string &autoencoder);

} // namespace daetalker
