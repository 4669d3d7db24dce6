// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/frame_latents.h"

#include "models/studio/progress.h"
#include "models/studio/training/patches.h"

namespace daetalker {

using torch::Tensor;

Tensor
frame_latents (SemanticEncoder &encoder, const FrameStore &store)
{
  torch::NoGradGuard guard;
  constexpr int64_t batch = 32;
  std::vector<Tensor> latents;
  Progress progress ("latents", size_t (store.frames ()));
  for (int64_t first = 0; first < store.frames (); first += batch) {
    int64_t last = std::min (first + batch, store.frames ());
    Tensor pictures = store.pictures (torch::arange (first, last));
    latents.push_back (encoder->forward_patches (
        picture_patches (pictures, encoder->config ().patch, encoder->type ())));
    progress.add (size_t (last - first));
  }
  return torch::cat (latents);
}

} // namespace daetalker
