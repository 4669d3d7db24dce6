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
// whatever the picture's size: so it gets the face at this width.
constexpr double predicted_face_width = 512;

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
LandmarkPredictor::predict (const cv::Mat &grey, const cv::Rect2d &box) const
{
  const double margin = 0.5 * box.width;
  const cv::Rect wanted (cv::Point (box.tl () - cv::Point2d (margin, margin)),
                         cv::Point (box.br () + cv::Point2d (margin, margin)));
  const cv::Rect region = wanted & cv::Rect (0, 0, grey.cols, grey.rows);
  if (region.empty ())
    throw Error (ErrorCode::failed, "landmarks", "the face lies outside of the picture",
                 "Please report this");
  const double scale = predicted_face_width / box.width;
  cv::Mat face;
  cv::resize (grey (region), face, {}, scale, scale,
              scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
  const cv::Point2d origin (region.tl ());
  const cv::Rect2d moved ((box.tl () - origin) * scale, cv::Size2d (box.size ()) * scale);
  const dlib::full_object_detection shape =
      model_->predictor (dlib::cv_image<unsigned char> (face), to_dlib (moved));
  Landmarks landmarks;
  for (int i = 0; i < landmark_count; ++i)
    landmarks[i] =
        cv::Point2d (shape.part (i).x (), shape.part (i).y ()) * (1 / scale) + origin;
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
FaceDetector::detect (const cv::Mat &grey)
{
  const double scale =
      std::min (1.0, double (search_size) / std::max (grey.cols, grey.rows));
  cv::Mat small = grey;
  if (scale < 1)
    cv::resize (grey, small, {}, scale, scale, cv::INTER_AREA);

  std::vector<cv::Rect2d> boxes;
  for (const dlib::rectangle &found :
       model_->detector (dlib::cv_image<unsigned char> (small)))
    boxes.emplace_back (found.left () / scale, found.top () / scale,
                        found.width () / scale, found.height () / scale);
  std::sort (boxes.begin (), boxes.end (),
             [] (const auto &a, const auto &b) { return a.area () > b.area (); });
  while (!boxes.empty () && boxes.back ().width < 0.5 * boxes.front ().width)
    boxes.pop_back ();
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
