// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/inspect.h"

#include "models/studio/crop.h"
#include "models/studio/head_pose.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <optional>

namespace daetalker {

namespace {

constexpr int thumbnail_width = 360;

// Below this overlap (intersection over union) the landmarks have lost the face.
constexpr double least_overlap = 0.5;

double
overlap (const cv::Rect2d &a, const cv::Rect2d &b)
{
  const double common = (a & b).area ();
  return common / (a.area () + b.area () - common);
}

// Between the inner lips, in face box widths.
double
mouth_opening (const Landmarks &landmarks)
{
  double sum = 0;
  for (int i = 61; i <= 63; ++i)
    sum += cv::norm (landmarks[i] - landmarks[128 - i]) / 3;
  return sum / face_box (landmarks).width;
}

class Inspector {
public:
  Inspector (FaceDetector &detector, const LandmarkPredictor &predictor,
             const InspectOptions &options)
      : detector_ (detector), predictor_ (predictor), options_ (options)
  {
  }

  Inspection run (const std::string &path);

private:
  void look (std::uint64_t index, const cv::Mat &rgb);
  void search (std::uint64_t index, const cv::Mat &grey);
  void follow (const cv::Mat &rgb, const cv::Mat &grey);
  void keep_thumbnail (const cv::Mat &rgb, const Landmarks *landmarks);
  void measure_faces ();
  void measure_poses ();
  void draw_thumbnail ();

  FaceDetector &detector_;
  const LandmarkPredictor &predictor_;
  InspectOptions options_;
  Inspection result_;
  CutDetector cuts_;
  CameraMotion camera_;
  Look look_;
  std::optional<cv::Rect2d> face_; // in the frame last seen
  std::vector<Landmarks> landmarks_;
  std::vector<double> mouth_; // of every frame
  double widest_mouth_ = -1;
  std::optional<Landmarks> thumbnail_landmarks_;
};

void
Inspector::search (std::uint64_t index, const cv::Mat &grey)
{
  const std::vector<cv::Rect2d> faces = detector_.detect (grey);
  if (faces.empty ())
    face_.reset ();
  else if (!face_ || overlap (*face_, faces.front ()) < least_overlap)
    face_ = faces.front ();
  cv::Rect2d box;
  if (face_)
    box = face_box (predictor_.predict (grey, *face_));
  result_.track.add ({index, int (faces.size ()), box});
  camera_.add (grey, box);
}

void
Inspector::follow (const cv::Mat &rgb, const cv::Mat &grey)
{
  const Landmarks landmarks = predictor_.predict (grey, *face_);
  face_ = face_box (landmarks);
  const cv::Rect2d picture (0, 0, grey.cols, grey.rows);
  if ((*face_ & picture).area () < 0.5 * face_->area ()) {
    face_.reset ();
    return;
  }
  landmarks_.push_back (landmarks);
  mouth_.back () = mouth_opening (landmarks);
  if (mouth_.back () > widest_mouth_) {
    widest_mouth_ = mouth_.back ();
    keep_thumbnail (rgb, &landmarks);
  }
}

void
Inspector::look (std::uint64_t index, const cv::Mat &rgb)
{
  cv::Mat grey;
  cv::cvtColor (rgb, grey, cv::COLOR_RGB2GRAY);
  cuts_.add (grey);
  if (index == 0)
    keep_thumbnail (rgb, nullptr);
  if (index % options_.every == 0) {
    search (index, grey);
    look_.add (rgb);
  }
  mouth_.push_back (mouth_.empty () ? 0 : mouth_.back ());
  if (face_)
    follow (rgb, grey);
}

void
Inspector::keep_thumbnail (const cv::Mat &rgb, const Landmarks *landmarks)
{
  rgb.copyTo (result_.thumbnail);
  thumbnail_landmarks_.reset ();
  if (landmarks)
    thumbnail_landmarks_ = *landmarks;
}

void
Inspector::draw_thumbnail ()
{
  cv::Mat &picture = result_.thumbnail;
  const double scale = double (thumbnail_width) / picture.cols;
  cv::resize (picture, picture, {}, scale, scale, cv::INTER_AREA);
  const auto scaled = [scale] (const cv::Point2d &point) {
    return cv::Point (point * scale);
  };
  const cv::Rect &crop = result_.crop;
  if (!crop.empty ())
    cv::rectangle (picture, scaled (crop.tl ()), scaled (crop.br ()), {255, 255, 255}, 2);
  if (thumbnail_landmarks_)
    for (const cv::Point2f &point : *thumbnail_landmarks_)
      cv::circle (picture, scaled (point), 1, {0, 255, 0}, cv::FILLED);
}

void
Inspector::measure_faces ()
{
  ClipMeasures &measures = result_.measures;
  const auto &sightings = result_.track.sightings ();
  const auto share = [&sightings] (auto condition) {
    return double (std::count_if (sightings.begin (), sightings.end (), condition)) /
           std::max<std::size_t> (1, sightings.size ());
  };
  measures.without_face = share ([] (const auto &s) { return s.faces == 0; });
  measures.several_faces = share ([] (const auto &s) { return s.faces > 1; });
  if (result_.track.empty ()) {
    measures.without_face = 1;
    return;
  }
  const cv::Rect2d median = result_.track.median ();
  measures.face_width = median.width;
  result_.crop = crop_square (median, {result_.media.width, result_.media.height},
                              options_.crop_scale);
  const cv::Rect2f inside (result_.crop);
  const auto leaves = [&inside] (const Landmarks &landmarks) {
    return std::any_of (
        landmarks.begin (), landmarks.end (),
        [&inside] (const auto &point) { return !inside.contains (point); });
  };
  measures.outside =
      double (std::count_if (landmarks_.begin (), landmarks_.end (), leaves)) /
      std::max<std::size_t> (1, landmarks_.size ());
  if (const auto shift = camera_.largest_shift ())
    measures.camera_shift = *shift / median.width;
}

void
Inspector::measure_poses ()
{
  std::array<std::vector<float>, 3> angles;
  for (Landmarks &landmarks : landmarks_) {
    for (cv::Point2f &point : landmarks)
      point -= cv::Point2f (result_.crop.tl ());
    const Pose pose = head_pose (landmarks, result_.crop.width);
    for (int i = 0; i < 3; ++i)
      angles[i].push_back (pose[i]);
  }
  for (std::vector<float> &angle : angles) {
    if (angle.empty ())
      return;
    std::sort (angle.begin (), angle.end ());
    const std::size_t tail = angle.size () / 100;
    result_.measures.pose_low.push_back (angle[tail]);
    result_.measures.pose_high.push_back (angle[angle.size () - 1 - tail]);
  }
}

Inspection
Inspector::run (const std::string &path)
{
  result_.media = read_media (
      path, [this] (std::uint64_t index, const cv::Mat &rgb) { look (index, rgb); },
      &result_.speech);
  const MediaInfo &media = result_.media;
  const double frames = double (std::max<std::uint64_t> (1, media.frames));
  ClipMeasures &measures = result_.measures;
  measures.seconds = double (media.frames) / dataset_fps;
  measures.native_fps =
      media.native_fps.num ? double (media.native_fps.num) / media.native_fps.den : 0;
  measures.repeated = media.repeated / frames;
  measures.frozen = cuts_.frozen ();
  measures.look = look_.mean ();
  measures.has_sound = media.has_audio;
  for (const std::size_t cut : cuts_.cuts ())
    measures.cuts.push_back (double (cut) / dataset_fps);
  measure_faces ();
  measure_poses ();
  measure_speech (result_.speech, measures);
  measures.av_correlation = correlate_lags (mouth_, loudness (result_.speech));
  if (!result_.thumbnail.empty ())
    draw_thumbnail ();
  return std::move (result_);
}

} // namespace

Inspection
inspect_clip (const std::string &path, FaceDetector &detector,
              const LandmarkPredictor &predictor, const InspectOptions &options)
{
  return Inspector (detector, predictor, options).run (path);
}

} // namespace daetalker
