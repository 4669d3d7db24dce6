// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/face.h"

#include "models/engine.h"

#include <algorithm>
#include <dlib/image_processing/frontal_face_detector.h>
#include <dlib/image_processing/shape_predictor.h>
#include <dlib/opencv/cv_image.h>
#include <glib.h>
#include <opencv2/imgproc.hpp>

namespace daetalker {

namespace {

constexpr int search_size = 640;

// dlib rounds landmarks to whole pixels, and the pixels it looks at are few
// whatever the picture's size: so it gets an enlarged one.
constexpr double subpixel = 4;

std::string
find_predictor ()
{
  const std::string name = "shape_predictor_68_face_landmarks.dat";
  for (const gchar *const *folder = g_get_system_data_dirs (); *folder; ++folder) {
    const std::string path = std::string (*folder) + "/dlib/" + name;
    if (g_file_test (path.c_str (), G_FILE_TEST_IS_REGULAR))
      return path;
  }
  throw Error (ErrorCode::not_found, name, "it is in none of the system's data folders",
               "Install libdlib-data, or name the file with --landmark-model");
}

dlib::rectangle
to_dlib (const cv::Rect2d &box)
{
  return {std::lround (box.x), std::lround (box.y), std::lround (box.x + box.width) - 1,
          std::lround (box.y + box.height) - 1};
}

} // namespace

struct LandmarkPredictor::Model {
  dlib::shape_predictor predictor;
};

LandmarkPredictor::LandmarkPredictor (const std::string &path)
    : model_ (std::make_unique<Model> ())
{
  const std::string file = path.empty () ? find_predictor () : path;
  if (!g_file_test (file.c_str (), G_FILE_TEST_IS_REGULAR))
    throw Error (ErrorCode::not_found, file, "there is no such file",
                 "Name dlib's shape_predictor_68_face_landmarks.dat");
  try {
    dlib::deserialize (file) >> model_->predictor;
  } catch (const dlib::error &error) {
    throw Error (ErrorCode::corrupt, file, error.what (), "Install libdlib-data again");
  }
  if (model_->predictor.num_parts () != landmark_count)
    throw Error (ErrorCode::wrong_model, file, "it does not predict 68 landmarks",
                 "Name dlib's shape_predictor_68_face_landmarks.dat");
}

LandmarkPredictor::~LandmarkPredictor () = default;

Landmarks
LandmarkPredictor::predict (const cv::Mat &rgb, const cv::Rect2d &box) const
{
  cv::Mat grey;
  cv::cvtColor (rgb, grey, cv::COLOR_RGB2GRAY);
  cv::resize (grey, grey, {}, subpixel, subpixel, cv::INTER_LINEAR);
  const cv::Rect2d scaled (box.tl () * subpixel, cv::Size2d (box.size ()) * subpixel);
  const dlib::full_object_detection shape =
      model_->predictor (dlib::cv_image<unsigned char> (grey), to_dlib (scaled));
  Landmarks landmarks;
  for (int i = 0; i < landmark_count; ++i)
    landmarks[i] =
        cv::Point2f (float (shape.part (i).x ()), float (shape.part (i).y ())) /
        float (subpixel);
  return landmarks;
}

struct FaceDetector::Model {
  dlib::frontal_face_detector detector = dlib::get_frontal_face_detector ();
};

FaceDetector::FaceDetector () : model_ (std::make_unique<Model> ())
{
}
FaceDetector::~FaceDetector () = default;

std::vector<cv::Rect2d>
FaceDetector::detect (const cv::Mat &rgb)
{
  cv::Mat grey;
  cv::cvtColor (rgb, grey, cv::COLOR_RGB2GRAY);
  const double scale =
      std::min (1.0, double (search_size) / std::max (grey.cols, grey.rows));
  if (scale < 1)
    cv::resize (grey, grey, {}, scale, scale, cv::INTER_AREA);

  std::vector<cv::Rect2d> boxes;
  const dlib::cv_image<unsigned char> image (grey);
  for (const dlib::rectangle &found : model_->detector (image))
    boxes.emplace_back (found.left () / scale, found.top () / scale,
                        found.width () / scale, found.height () / scale);
  std::sort (boxes.begin (), boxes.end (),
             [] (const auto &a, const auto &b) { return a.area () > b.area (); });
  return boxes;
}

cv::Rect2d
face_box (const Landmarks &landmarks)
{
  // Measured on nine speakers: the detector's box is centred on the nose and 1.19
  // times as wide as the jaw between the ears.
  const double side = 1.19 * cv::norm (landmarks[16] - landmarks[0]);
  cv::Point2d nose;
  for (int i = 27; i <= 35; ++i)
    nose += cv::Point2d (landmarks[i]) / 9;
  return {nose.x - side / 2, nose.y - side / 2, side, side};
}

} // namespace daetalker
