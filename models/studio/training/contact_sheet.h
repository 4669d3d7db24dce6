// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <torch/types.h>

namespace daetalker {

// Writes [3, H, W] in [-1, 1] as the PNG or JPEG that `path` names, complete or not
// at all.  Throws Error (unreadable) if it cannot.
void write_picture (const std::string &path, const torch::Tensor &picture);

// Likewise CV_8UC3.
void write_picture (const std::string &path, const cv::Mat &picture);

} // namespace daetalker
