// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Where long footage is cut: a dataset of one clip would have nothing to hold out.
#pragma once

#include "models/studio/dataset.h"

#include <cstdint>
#include <string>
#include <vector>

namespace daetalker {

// Pieces of about `seconds` each that make up the flawless ones of the clip's `spans`,
// cut where `speech` (the clip's, 16 kHz, may be empty) is quietest near the even marks,
// so that hardly a word is cut.  A span that is shorter than one and a half stays whole.
// Where there is one piece it has the clip's name; else they are NAME@001, NAME@002 and
// so on.
std::vector<DatasetPiece> cut_into_pieces (const std::string &name,
                                           const std::vector<Span> &spans,
                                           const std::vector<std::int16_t> &speech,
                                           double seconds);

} // namespace daetalker
