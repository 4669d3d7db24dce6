// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The book of mouths of one person's footage.
#pragma once

#include "models/nn/eigenfaces.h"
#include "models/nn/mouth_book.h"
#include "models/studio/training/sequences.h"

namespace daetalker {

// Of the training clips: as many pages as there may be.
int64_t training_frames (const SequenceSet &set);

// Pages are drawn from these.  The mouth's region is an ellipse about the lips, with a
// soft edge.
void write_mouth_book (MouthBook book, Eigenfaces eigenfaces, const SequenceSet &set);

} // namespace daetalker
