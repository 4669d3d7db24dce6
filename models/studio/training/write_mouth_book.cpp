// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/write_mouth_book.h"

#include "models/studio/training/region_mask.h"

#include <torch/utils.h>

namespace daetalker {

using torch::Tensor;

int64_t
training_frames (const SequenceSet &set)
{
  int64_t frames = 0;
  for (const Sequence &sequence : set.training)
    frames += sequence.latents.size (0);
  return frames;
}

void
write_mouth_book (MouthBook book, Eigenfaces eigenfaces, const SequenceSet &set)
{
  torch::NoGradGuard guard;
  std::vector<Tensor> changes;
  for (const Sequence &sequence : set.training)
    changes.push_back (sequence.latents - sequence.latents.mean (0, true));
  torch::manual_seed (1);
  // Chin and cheeks move with the jaw; half a mouth's width around the lips takes most of
  // that along.
  const Tensor mouth = region_mask (set.mouth, eigenfaces->side (), 0.75, 0.55);
  book->write (torch::cat (changes), eigenfaces->within (mouth),
               eigenfaces->deviations ());
}

} // namespace daetalker
