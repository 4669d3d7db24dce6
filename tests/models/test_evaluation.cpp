// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Each measure on signals whose figure is known.
#include "models/studio/evaluation/face_motion.h"
#include "models/studio/evaluation/picture_quality.h"
#include "models/studio/evaluation/speech_events.h"
#include "tests/models/expect_error.h"
#include "tests/models/temporary_folder.h"

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

TEST (FaceMotion, ClosedIsTheLeastTenthAndTwoPixels)
{
  std::vector<double> openings;
  for (int i = 0; i < 100; ++i)
    openings.push_back (i * 0.1); // the least tenth ends at 1
  const double closed = closed_opening (openings);
  EXPECT_DOUBLE_EQ (closed, 3);
  EXPECT_DOUBLE_EQ (closed_share (openings, {0, 30, 31, 99}, closed), 0.5);
  EXPECT_DOUBLE_EQ (closed_share (openings, {}, closed), 1);
}

TEST (FaceMotion, ALabialIsClosedWithinTwoFrames)
{
  std::vector<double> openings (20, 10);
  openings[5] = 1;
  EXPECT_DOUBLE_EQ (closed_near (openings, {3, 7}, 2), 1);
  EXPECT_DOUBLE_EQ (closed_near (openings, {2, 8}, 2), 0);
  EXPECT_DOUBLE_EQ (closed_near (openings, {5, 19}, 2), 0.5);
}

TEST (FaceMotion, CountsBlinks)
{
  LandmarkTrack track = gliding_head (4);
  const auto open_eyes = [] (Landmarks &points, float apart) {
    for (const std::size_t eye : {36, 42}) {
      points[eye] = {0, 0};
      points[eye + 3] = {20, 0};
      for (const std::size_t i : {1, 2})
        points[eye + i] = {float (6 * i), -apart / 2};
      for (const std::size_t i : {4, 5})
        points[eye + i] = {float (6 * (6 - i)), apart / 2};
    }
  };
  for (std::size_t f = 0; f < track.size (); ++f)
    open_eyes (track[f], f == 7 || f == 8 || f == 20 ? 2 : 6);
  EXPECT_EQ (count_blinks (track), 2);
}

TEST (SpeechEvents, SilenceIsFarBelowTheLoudestAndAwayFromSpeech)
{
  constexpr std::size_t frame = 640;
  std::vector<float> speech (20 * frame, 0.0009f); // -55 dB
  for (std::size_t i = 8 * frame; i < 10 * frame; ++i)
    speech[i] = 0.5f;
  const std::vector<std::size_t> expected = {0,  1,  2,  3,  4,  5,  12,
                                             13, 14, 15, 16, 17, 18, 19};
  EXPECT_EQ (silent_frames (speech), expected);
  EXPECT_TRUE (silent_frames ({}).empty ());
}

TEST (SpeechEvents, LabialsAreReadFromAnAlignment)
{
  const test::TemporaryFolder folder;
  test::write_text (folder / "a.align", "0 23750 sil\n23750 29500 bin\n29500 34000 red\n"
                                        "34000 35500 at\n35500 41000 m\n");
  // 23750 / 25000 s is frame 23.75; 35500, frame 35.5.
  EXPECT_EQ (labial_onsets (folder / "a.align"), (std::vector<std::size_t>{23, 35}));
  EXPECT_EQ (wordless_frames (folder / "a.align", 46),
             (std::vector<std::size_t>{0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                                       12, 13, 14, 15, 16, 17, 18, 19, 20, 43, 44, 45}));
  test::write_text (folder / "b.align", "0 twelve sil\n");
  EXPECT_ERROR (labial_onsets (folder / "b.align"), ErrorCode::corrupt, "b.align");
  EXPECT_ERROR (labial_onsets (folder / "c.align"), ErrorCode::not_found, "c.align");
}
