// SPDX-License-Identifier: LGPL-2.1-or-later
//
// `daetalker prepare`: from footage of one person to a dataset.
#pragma once

#include "models/studio/inspect.h"
#include "models/studio/verdict.h"

#include <string>
#include <vector>

namespace daetalker {

struct PrepareOptions {
  std::vector<std::string> footage; // files, or folders with files
  std::string output;               // the dataset's folder
  int jobs = 0;                     // clips at a time; 0 = one per core
  double piece_seconds = 10;        // longer clips are cut into such pieces
  InspectOptions inspect;
  Thresholds thresholds;
  std::string landmark_model; // empty: the system's
  std::string poses;          // CSV as PoseTable reads it; empty: measured
  bool report_only = false;   // inspect, judge and report; write no clips
};

// Inspects all footage and reports (stdout, DATASET/report.html), then writes the
// clips that are good enough.  Clips that the dataset holds already are left as
// they are.  Footage that cannot be read or used is refused by name in the index,
// and the others go on.
//
// Throws Error: not_found (no footage), wrong_model (nothing can be used, or the
// dataset was made with other settings), unreadable, failed (disk); nothing
// finished is lost.
void prepare_dataset (const PrepareOptions &options);

} // namespace daetalker
