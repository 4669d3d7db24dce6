// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/evaluation/picture_quality.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace daetalker {

namespace {

cv::Mat
brightness (const cv::Mat &picture)
{
  cv::Mat grey, result;
  cv::cvtColor (picture, grey, cv::COLOR_RGB2GRAY);
  grey.convertTo (result, CV_64F);
  return result;
}

} // namespace

double
psnr (const cv::Mat &made, const cv::Mat &real)
{
  const double values = double (real.total ()) * real.channels ();
  const double error = cv::norm (made, real, cv::NORM_L2SQR) / values;
  return std::min (100.0, 10 * std::log10 (255.0 * 255.0 / std::max (error, 1e-12)));
}

double
ssim (const cv::Mat &made, const cv::Mat &real)
{
  const auto smooth = [] (const cv::Mat &values) {
    cv::Mat result;
    cv::GaussianBlur (values, result, cv::Size (11, 11), 1.5);
    return result;
  };
  const cv::Mat x = brightness (made), y = brightness (real);
  const cv::Mat mean_x = smooth (x), mean_y = smooth (y);
  const cv::Mat means = mean_x.mul (mean_y);
  const cv::Mat squares = mean_x.mul (mean_x) + mean_y.mul (mean_y);
  const cv::Mat covariance = smooth (x.mul (y)) - means;
  const cv::Mat variances = smooth (x.mul (x)) + smooth (y.mul (y)) - squares;
  const double c1 = std::pow (0.01 * 255, 2), c2 = std::pow (0.03 * 255, 2);
  cv::Mat likeness;
  cv::divide ((2 * means + c1).mul (2 * covariance + c2),
              (squares + c1).mul (variances + c2), likeness);
  return cv::mean (likeness)[0];
}

double
sharpness (const cv::Mat &picture)
{
  const cv::Mat grey = brightness (picture);
  cv::Mat smooth;
  cv::GaussianBlur (grey, smooth, cv::Size (), 1);
  return cv::norm (grey, smooth, cv::NORM_L2SQR) / double (grey.total ());
}

} // namespace daetalker
