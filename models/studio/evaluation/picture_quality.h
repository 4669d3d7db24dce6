// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How near one picture comes to another, and how sharp it is.  Pictures: CV_8UC3.
#pragma once

#include <opencv2/core/mat.hpp>

namespace daetalker {

// Peak signal-to-noise ratio in dB of `made` against `real`, 8 bits, all channels;
// 100 for equal pictures.
double psnr (const cv::Mat &made, const cv::Mat &real);

// Structural similarity of the brightness (Wang, Bovik, Sheikh, Simoncelli 2004):
// Gaussian window of 11x11 pixels and sigma 1.5, K1 = 0.01, K2 = 0.03; mean over the
// picture, 1 for equal ones.
double ssim (const cv::Mat &made, const cv::Mat &real);

// Energy of the brightness's finest detail: the mean square of what a Gaussian of
// sigma 1 takes away.
double sharpness (const cv::Mat &picture);

} // namespace daetalker
