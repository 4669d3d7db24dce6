// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Faces and their 68 landmarks: dlib's frontal face detector (HOG) and its shape
// predictor (ensemble of regression trees, iBUG 300-W mark-up).
#pragma once

#include <array>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

namespace daetalker {

constexpr int landmark_count = 68;

// Pixels of the picture given; order of the iBUG 68-point mark-up.
using Landmarks = std::array<cv::Point2f, landmark_count>;

// May be shared between threads.
class LandmarkPredictor {
public:
  // `path` of dlib's shape_predictor_68_face_landmarks.dat; empty: looked for in
  // the system's data folders.  Throws Error: not_found, corrupt.
  explicit LandmarkPredictor (const std::string &path);
  ~LandmarkPredictor ();

  // `grey`: CV_8UC1; `box` as FaceDetector or face_box () gives it, at least partly
  // inside.
  Landmarks predict (const cv::Mat &grey, const cv::Rect2d &box) const;

private:
  struct Model;
  std::unique_ptr<Model> model_;
};

// One thread at a time.
class FaceDetector {
public:
  FaceDetector ();
  ~FaceDetector ();

  // Boxes of the faces in `grey` (CV_8UC1), the largest first; those of less than
  // half its width are background.  Large pictures are searched at 640 pixels,
  // which still finds faces of an eighth of the picture.
  std::vector<cv::Rect2d> detect (const cv::Mat &grey);

private:
  struct Model;
  std::unique_ptr<Model> model_;
};

// The box that the detector would draw around these landmarks, without the
// detector's steps of 20 % in size.
cv::Rect2d face_box (const Landmarks &landmarks);

} // namespace daetalker
