// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <opencv2/core/mat.hpp>
#include <vector>

namespace daetalker {

// A panel for each number that is in a log's entries, over the "minutes" of training;
// the highest and lowest value stand beside it.  What only counts or tells the time has
// none.  CV_8UC3; empty if no number is there twice.
cv::Mat draw_curves (const std::vector<nlohmann::json> &entries);

} // namespace daetalker
