// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The shape of a book of mouths.  Free of LibTorch.
#pragma once

namespace daetalker {

struct MouthBookConfig {
  int pages = 0;           // real frames; 0: no book
  int marks = 24;          // numbers by which mouths are compared, the coarsest first
  int predicted_marks = 4; // so many of them stay as predicted
  double gain = 1.1;       // of what was predicted, which moves too little
  double continuity = 0.1; // weight of the last mouth shown beside what was predicted
};

} // namespace daetalker
