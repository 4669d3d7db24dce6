// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/crop.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace daetalker {

namespace {

// In face box heights: there is more head above the box than below it.
constexpr double raise = 0.21;

} // namespace

cv::Rect
crop_square (const cv::Rect2d &face, cv::Size picture, double scale)
{
  const int side =
      std::min ({int (std::lround (scale * face.width)), picture.width, picture.height});
  const double centre_x = face.x + face.width / 2;
  const double centre_y = face.y + face.height * (0.5 - raise);
  const int x = int (std::lround (centre_x - side / 2.0));
  const int y = int (std::lround (centre_y - side / 2.0));
  return {std::clamp (x, 0, picture.width - side),
          std::clamp (y, 0, picture.height - side), side, side};
}

cv::Rect2d
median_box (const std::vector<cv::Rect2d> &boxes)
{
  const auto median = [&boxes] (auto component) {
    std::vector<double> values (boxes.size ());
    std::transform (boxes.begin (), boxes.end (), values.begin (), component);
    const auto middle = values.begin () + values.size () / 2;
    std::nth_element (values.begin (), middle, values.end ());
    return *middle;
  };
  return {median ([] (const cv::Rect2d &box) { return box.x; }),
          median ([] (const cv::Rect2d &box) { return box.y; }),
          median ([] (const cv::Rect2d &box) { return box.width; }),
          median ([] (const cv::Rect2d &box) { return box.height; })};
}

cv::Mat
crop_picture (const cv::Mat &rgb, const cv::Rect &crop)
{
  cv::Mat scaled;
  const bool smaller = crop.width > dataset_picture_size;
  cv::resize (rgb (crop), scaled, {dataset_picture_size, dataset_picture_size}, 0, 0,
              smaller ? cv::INTER_AREA : cv::INTER_CUBIC);
  return scaled;
}

} // namespace daetalker
