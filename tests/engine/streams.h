// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The arithmetic engine's streams.  They honour chunks, contexts and padding
// exactly as engine.h says, and compute numbers that a test can predict.
#pragma once

#include <memory>

#include "bundle.h"

namespace daetalker::arithmetic {

// A feature frame of hop samples x:
//   [0] mean of x            [1] mean of |x|
//   [2] mean of |x| of the frame `right` hops later (0 where there is none)
//   [3] sum of |x| over the whole visible window, divided by its nominal length
//   [4] first sample         [5] last sample; anything further is 0
// Needs at least 6 numbers per frame.
std::unique_ptr<FeatureStream> open_feature_stream (const SpeechEncoderInfo &info,
                                                    const Window &window,
                                                    const Behaviour &behaviour);

// A latent frame is the rest latent plus, over the frame's own feature frames f,
//   [0] mean of f[0]         [1] mean of f[1]
//   [2] mean of f[1] over the whole visible window (divided by its nominal length)
//   [3..5] the pose used, divided by 90 degrees
//   [6] f[1] of the last visible feature frame
//   [7] 1: the model ran; anything further is the rest latent.
// The predicted pose is the rest pose plus (10 l[0], 10 l[1], -10 l[1]).
// Needs at least 8 numbers per frame.
std::unique_ptr<LatentStream> open_latent_stream (const AvatarInfo &info,
                                                  const Window &window,
                                                  const Behaviour &behaviour);

} // namespace daetalker::arithmetic
