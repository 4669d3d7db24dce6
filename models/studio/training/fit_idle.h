// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How the person moves whether they speak or not, from the footage.
#pragma once

#include <torch/types.h>

#include "models/engine.h"
#include "models/studio/training/frame_store.h"

namespace daetalker {

// What shows how the eyes look, for latents that are linear in the picture.
struct EyesInLatents {
  torch::Tensor within; // [Z, Z]: a change of the latent, as a row, times this is that of
                        // it which lies about the eyes (EigenfacesImpl::within)
  torch::Tensor weights; // [Z]: how much each number moves the picture
};

struct IdleFit {
  Idle idle;
  torch::Tensor shutting; // [Z], of length 1: where latents go while eyes shut; undefined
                          // without blinks
};

// Blinks are counted in the training clips by the eye aspect ratio (Soukupova and Cech
// 2016) falling below 3/4 of the clip's median.  The blink that is shown is the one of
// the deepest quarter that is most like all of those, as the change of the latent against
// the open eyes before and after, with which it begins and ends: a mean of blinks never
// shuts an eye.  The sway is the poses' deviation from each clip's mean, without the
// landmarks' tremble.
//   latents: [frames, Z], of the whole store
//   eyes: nullptr if nothing is known of the latents
// No blink in the footage: none, and a rate of 0.
IdleFit fit_idle (const FrameStore &store, const torch::Tensor &latents,
                  const EyesInLatents *eyes = nullptr);

} // namespace daetalker
