// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Where long footage is cut: a dataset of one clip would have nothing to hold out.
#pragma once

#include "models/studio/dataset.h"

#include <cstdint>
#include <vector>

namespace daetalker {

// Pieces of about `seconds` each that make up `clip` (its name and frames), cut where
// `speech` (16 kHz, may be empty) is quietest near the even marks, so that hardly a word
// is cut.  One piece of the clip's name where it is shorter than one and a half; else
// NAME@001, NAME@002 and so on.
std::vector<DatasetPiece> cut_into_pieces (const DatasetClip &clip,
                                           const std::vector<std::int16_t> &speech,
                                           double seconds);

} // namespace daetalker
