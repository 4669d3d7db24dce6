// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Each measure on signals whose figure is known.
#include "models/studio/evaluation/face_motion.h"
#include "models/studio/evaluation/picture_quality.h"

#include <cmath>
#include <gtest/gtest.h>
#include <opencv2/imgproc.hpp>

using namespace daetalker;

namespace {

cv::Mat
texture ()
{
  cv::Mat picture (64, 64, CV_8UC3);
  cv::RNG random (7);
  random.fill (picture, cv::RNG::UNIFORM, 60, 200);
  return picture;
}

std::vector<double>
wave (double size, int delay)
{
  std::vector<double> result;
  for (int i = 0; i < 75; ++i)
    result.push_back (5 + size * std::sin (0.5 * (i - delay)) +
                      size * std::sin (0.13 * (i - delay)));
  return result;
}

LandmarkTrack
gliding_head (double lips_apart)
{
  LandmarkTrack track;
  for (int f = 0; f < 30; ++f) {
    Landmarks points;
    for (std::size_t i = 0; i < points.size (); ++i)
      points[i] = {float (10 + i + f), float (20 + 2 * i)};
    for (const std::size_t i : {65, 66, 67})
      points[i].y = points[i - 4].y + float (lips_apart);
    track.push_back (points);
  }
  return track;
}

} // namespace

TEST (PictureQuality, PsnrOfAKnownError)
{
  const cv::Mat real (32, 32, CV_8UC3, cv::Scalar (100, 100, 100));
  const cv::Mat made (32, 32, CV_8UC3, cv::Scalar (105, 105, 105));
  EXPECT_NEAR (psnr (made, real), 20 * std::log10 (255.0 / 5), 1e-9);
  EXPECT_EQ (psnr (real, real), 100);
}

// Flat pictures leave the luminance term alone: (2ab + c1) / (a^2 + b^2 + c1).
TEST (PictureQuality, SsimOfFlatPicturesAndOfItself)
{
  const cv::Mat a (32, 32, CV_8UC3, cv::Scalar::all (100));
  const cv::Mat b (32, 32, CV_8UC3, cv::Scalar::all (150));
  const double c1 = std::pow (2.55, 2);
  EXPECT_NEAR (ssim (a, b), (2 * 100 * 150 + c1) / (100 * 100 + 150 * 150 + c1), 1e-6);
  EXPECT_NEAR (ssim (texture (), texture ()), 1, 1e-9);
  cv::Mat other;
  cv::flip (texture (), other, 0);
  EXPECT_LT (ssim (other, texture ()), 0.3);
}

TEST (PictureQuality, BlurTakesSharpness)
{
  cv::Mat soft;
  cv::GaussianBlur (texture (), soft, cv::Size (), 1.5);
  EXPECT_LT (sharpness (soft), 0.1 * sharpness (texture ()));
  EXPECT_NEAR (sharpness (cv::Mat (16, 16, CV_8UC3, cv::Scalar::all (9))), 0, 1e-9);
}

TEST (FaceMotion, FindsLagAndAmplitude)
{
  const Likeness same = likeness (wave (2, 0), wave (2, 0));
  EXPECT_NEAR (same.correlation, 1, 1e-9);
  EXPECT_NEAR (same.amplitude, 1, 1e-9);
  EXPECT_EQ (same.lag, 0);
  EXPECT_EQ (likeness (wave (2, 3), wave (2, 0)).lag, 3) << "late";
  EXPECT_EQ (likeness (wave (2, 0), wave (2, 2)).lag, -2) << "early";
  EXPECT_NEAR (likeness (wave (1, 0), wave (2, 0)).amplitude, 0.5, 1e-9);
  EXPECT_EQ (likeness (std::vector<double> (75, 4.0), wave (2, 0)).correlation, 0);
}

TEST (FaceMotion, OpeningIsBetweenTheInnerLips)
{
  EXPECT_NEAR (lip_opening (gliding_head (7)[0]), 7, 1e-5);
}

TEST (FaceMotion, LipDistanceForgivesTheHead)
{
  const LandmarkTrack real = gliding_head (4);
  LandmarkTrack moved = real;
  for (Landmarks &points : moved)
    for (cv::Point2f &point : points)
      point += cv::Point2f (5, -3);
  EXPECT_NEAR (lip_distance (moved, real), 0, 1e-5);
  // Three of the twenty points are 2 pixels off.
  EXPECT_NEAR (lip_distance (gliding_head (6), real), 2 * 3 / 20.0, 1e-5);
}

TEST (FaceMotion, AGlidingHeadDoesNotJitter)
{
  LandmarkTrack track = gliding_head (4);
  EXPECT_NEAR (jitter (track), 0, 1e-5);
  for (std::size_t f = 0; f < track.size (); f += 2)
    for (cv::Point2f &point : track[f])
      point.y += 1;
  EXPECT_NEAR (jitter (track), 2, 1e-5); // +1, -2, +1
}
