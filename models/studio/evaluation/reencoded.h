// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a video call leaves of a real face, to measure an avatar beside.
#pragma once

#include "models/studio/evaluation/baselines.h"

#include <cstdint>

namespace daetalker {

// Pictures after a video encoder (H.264 by x264enc) and its decoder.
struct Encoded {
  Pictures pictures;
  std::uint64_t bytes = 0; // of the stream
};

// With a constant quantiser of 21, as one encodes for quality, or, if `kilobits` is above
// 0, at so many kilobits a second.  Throws Error: not_found (an element is missing),
// failed (whatever one reports).
Encoded through_video_encoder (const Pictures &pictures, int kilobits = 0);

// `real` at the bit rate that `made` takes: how much of a real face a video encoder
// leaves for what the avatar's costs.
Encoded reencoded (const Pictures &real, const Pictures &made);

} // namespace daetalker
