// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The frames that an avatar's reference pictures begin as.
#pragma once

#include <torch/types.h>

#include "models/studio/training/frame_store.h"

namespace daetalker {

// `count` training frames that differ as much as the person does: those nearest to the
// centres of as many clusters of landmarks.  [count, 3, H, W] float32 in [-1, 1].
torch::Tensor reference_frames (const FrameStore &store, int count, uint64_t seed);

} // namespace daetalker
