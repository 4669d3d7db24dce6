// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How the person moves whether they speak or not, from the footage.
#pragma once

#include <torch/torch.h>

#include "models/engine.h"
#include "models/studio/training/frame_store.h"

namespace daetalker {

// Blinks are counted in the training clips by the eye aspect ratio (Soukupova and Cech
// 2016) falling below 3/4 of the clip's median.  The blink is the mean of the deeper half
// of them, as the change of the latent against the open eyes before and after, with which
// it begins and ends.  The sway is the poses' deviation from each clip's mean, without
// the landmarks' tremble.
//   latents: [frames, Z], of the whole store
// No blink in the footage: none, and a rate of 0.
Idle fit_idle (const FrameStore &store, const torch::Tensor &latents);

} // namespace daetalker
