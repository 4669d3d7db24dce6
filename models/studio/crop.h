// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Where the avatar's picture is cut out of the footage: one square per clip, so
// that the background stands still and only the head moves (DAE-Talker's group
// crops by a fixed camera, without alignment).
#pragma once

#include <opencv2/core/types.hpp>
#include <vector>

namespace daetalker {

constexpr int dataset_picture_size = 256;

// The square around the face box `face` (pixels of the footage): `scale` times as
// wide as the box, raised so that hair and collar lie inside, moved and at worst
// shrunk into `picture`.
cv::Rect crop_square (const cv::Rect2d &face, cv::Size picture, double scale);

// Component-wise median; `boxes` must not be empty.
cv::Rect2d median_box (const std::vector<cv::Rect2d> &boxes);

// `rgb` cut by `crop` and scaled to 256x256.
cv::Mat crop_picture (const cv::Mat &rgb, const cv::Rect &crop);

} // namespace daetalker
