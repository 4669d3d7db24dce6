// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The preflight report: what was found in the footage, in words and as a page.
#pragma once

#include "models/studio/dataset.h"

#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>
#include <vector>

namespace daetalker {

struct DatasetSummary {
  std::size_t used = 0; // clips
  std::size_t refused = 0;
  double seconds = 0;          // of what is used
  double seconds_left_out = 0; // of clips that could be read: those refused, and parts
  double without_face = 0;     // means over the clips used, by their length
  double silence = 0;
  double clipping = 0;
  std::vector<double> pose_low; // of the clips used; empty without any
  std::vector<double> pose_high;
  std::vector<double> av_correlation; // as ClipMeasures, mean over the clips used
};

DatasetSummary summarise (const DatasetIndex &index);

// One finding a line.
std::vector<std::string> describe (const DatasetSummary &summary);

// DATASET/report/NAME.jpg.  Throws Error (failed).
void write_thumbnail (const std::string &dataset, const std::string &name,
                      const cv::Mat &rgb);

// DATASET/report.html.  Throws Error (failed).
void write_report (const std::string &dataset, const DatasetIndex &index);

} // namespace daetalker
