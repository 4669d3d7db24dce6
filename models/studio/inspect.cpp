// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/inspect.h"

#include "models/studio/crop.h"
#include "models/studio/head_pose.h"
#include "models/studio/shots.h"

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
  Shot shot_between (std::size_t begin, std::size_t end) const;
  std::vector<Flaw> flaws_of_shots () const;
  void place_crop (const std::vector<Flaw> &flaws);
  void find_lapses (std::vector<Flaw> &flaws) const;
  bool leaves_crop (const Landmarks &landmarks) const;
  bool is_used (std::uint64_t frame) const;
  void measure_spans ();
  void measure_faces ();
  void measure_landmarks ();
  void draw_thumbnail ();

  FaceDetector &detector_;
  const LandmarkPredictor &predictor_;
  InspectOptions options_;
  Inspection result_;
  CutDetector cuts_;
  CameraMotion camera_;
  std::vector<Look> looks_;                         // of every sighting
  std::optional<cv::Rect2d> face_;                  // in the frame last seen
  std::vector<std::optional<Landmarks>> landmarks_; // of every frame
  std::vector<double> mouth_;                       // of every frame
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
  landmarks_.back () = landmarks;
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
    looks_.emplace_back ();
    looks_.back ().add (rgb);
  }
  landmarks_.emplace_back ();
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

// Of the frames from `begin` to `end`.
Shot
Inspector::shot_between (std::size_t begin, std::size_t end) const
{
  const auto &sightings = result_.track.sightings ();
  std::vector<cv::Rect2d> boxes;
  Look look;
  for (std::size_t i = 0; i < sightings.size (); ++i) {
    if (sightings[i].frame < begin || sightings[i].frame >= end)
      continue;
    look.add (looks_[i]);
    if (sightings[i].faces > 0)
      boxes.push_back (sightings[i].box);
  }
  return {end - begin, boxes.empty () ? cv::Rect2d () : median_box (boxes), look.mean ()};
}

// What another camera saw, or this one in other light.
std::vector<Flaw>
Inspector::flaws_of_shots () const
{
  std::vector<std::size_t> bounds = cuts_.cuts ();
  bounds.insert (bounds.begin (), 0);
  bounds.push_back (landmarks_.size ());
  std::vector<Shot> shots;
  for (std::size_t i = 0; i + 1 < bounds.size (); ++i)
    shots.push_back (shot_between (bounds[i], bounds[i + 1]));
  const std::vector<bool> like = like_most (shots);
  std::vector<Flaw> flaws;
  for (std::size_t i = 0; i < shots.size (); ++i)
    flaws.insert (flaws.end (), shots[i].frames,
                  like[i] || shots[i].face.empty () ? Flaw::none : Flaw::other_shot);
  return flaws;
}

void
Inspector::place_crop (const std::vector<Flaw> &flaws)
{
  std::vector<cv::Rect2d> boxes;
  for (const FaceTrack::Sighting &sighting : result_.track.sightings ())
    if (sighting.faces > 0 && flaws[sighting.frame] == Flaw::none)
      boxes.push_back (sighting.box);
  const cv::Rect2d median = median_box (boxes);
  result_.measures.face_width = median.width;
  result_.crop = crop_square (median, {result_.media.width, result_.media.height},
                              options_.crop_scale);
}

bool
Inspector::leaves_crop (const Landmarks &landmarks) const
{
  const cv::Rect2f inside (result_.crop);
  return std::any_of (landmarks.begin (), landmarks.end (),
                      [&inside] (const auto &point) { return !inside.contains (point); });
}

void
Inspector::find_lapses (std::vector<Flaw> &flaws) const
{
  for (std::size_t frame = 0; frame < flaws.size (); ++frame) {
    if (flaws[frame] != Flaw::none)
      continue;
    const int faces = result_.track.faces_at (frame);
    if (faces != 1)
      flaws[frame] = faces == 0 ? Flaw::no_face : Flaw::several_faces;
    else if (landmarks_[frame] && leaves_crop (*landmarks_[frame]))
      flaws[frame] = Flaw::outside;
  }
}

void
Inspector::measure_spans ()
{
  if (result_.track.empty ()) {
    result_.measures.spans = {{0, result_.media.frames, Flaw::no_face}};
    return;
  }
  std::vector<Flaw> flaws = flaws_of_shots ();
  place_crop (flaws);
  find_lapses (flaws);
  result_.measures.spans = divide (flaws, cuts_.cuts ());
}

// All of them are where none can be.
bool
Inspector::is_used (std::uint64_t frame) const
{
  bool any = false;
  for (const Span &span : result_.measures.spans) {
    if (span.flaw != Flaw::none)
      continue;
    if (frame >= span.first && frame < span.first + span.frames)
      return true;
    any = true;
  }
  return !any;
}

void
Inspector::measure_faces ()
{
  ClipMeasures &measures = result_.measures;
  const auto &sightings = result_.track.sightings ();
  double count = 0, none = 0, several = 0;
  Look look;
  for (std::size_t i = 0; i < sightings.size (); ++i) {
    if (!is_used (sightings[i].frame))
      continue;
    ++count;
    none += sightings[i].faces == 0;
    several += sightings[i].faces > 1;
    look.add (looks_[i]);
  }
  measures.look = look.mean ();
  measures.without_face = result_.track.empty () ? 1 : none / std::max (1.0, count);
  measures.several_faces = several / std::max (1.0, count);
  if (const auto shift = camera_.largest_shift (); shift && measures.face_width > 0)
    measures.camera_shift = *shift / measures.face_width;
}

void
Inspector::measure_landmarks ()
{
  std::array<std::vector<float>, 3> angles;
  double count = 0, outside = 0;
  for (std::size_t frame = 0; frame < landmarks_.size (); ++frame) {
    if (!landmarks_[frame] || !is_used (frame))
      continue;
    Landmarks landmarks = *landmarks_[frame];
    ++count;
    outside += leaves_crop (landmarks);
    for (cv::Point2f &point : landmarks)
      point -= cv::Point2f (result_.crop.tl ());
    const Pose pose = head_pose (landmarks, result_.crop.width);
    for (int i = 0; i < 3; ++i)
      angles[i].push_back (pose[i]);
  }
  result_.measures.outside = outside / std::max (1.0, count);
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
  measures.has_sound = media.has_audio;
  measure_spans ();
  measure_faces ();
  measure_landmarks ();
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
