// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/measures.h"

#include <algorithm>
#include <cmath>
#include <opencv2/calib3d.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/video/tracking.hpp>

namespace daetalker {

namespace {

constexpr double certain_cut = 20;   // grey levels
constexpr double possible_cut = 5;   // grey levels ...
constexpr double unusual_change = 8; // ... and so many times the median
constexpr int change_width = 64;     // pixels: noise must not count
constexpr double frozen_change = 1e-3;

constexpr int enough_corners = 8;
constexpr int most_corners = 100;
constexpr float least_corner_strength = 0.002f; // edges of 40 grey levels or so

double
median (std::vector<double> values)
{
  if (values.empty ())
    return 0;
  const auto middle = values.begin () + values.size () / 2;
  std::nth_element (values.begin (), middle, values.end ());
  return *middle;
}

// Where the background can be seen: beside and above the head, above the
// shoulders.
cv::Mat
background (const cv::Mat &grey, const cv::Rect2d &face)
{
  cv::Mat mask (grey.size (), CV_8UC1, cv::Scalar (255));
  if (face.empty ())
    return mask;
  const cv::Rect picture (0, 0, grey.cols, grey.rows);
  const int left = int (face.x - 0.4 * face.width);
  const int top = int (face.y - 0.8 * face.height);
  mask (cv::Rect (left, top, int (1.8 * face.width), grey.rows - top) & picture) = 0;
  const int chin = int (face.y + face.height);
  mask (cv::Rect (0, chin, grey.cols, std::max (0, grey.rows - chin)) & picture) = 0;
  return mask;
}

} // namespace

void
CutDetector::add (const cv::Mat &grey)
{
  cv::Mat small;
  cv::resize (grey, small,
              {change_width, std::max (1, grey.rows * change_width / grey.cols)}, 0, 0,
              cv::INTER_AREA);
  if (!previous_.empty ())
    changes_.push_back (cv::norm (small, previous_, cv::NORM_L1) /
                        double (small.total ()));
  previous_ = small;
}

std::vector<std::size_t>
CutDetector::cuts () const
{
  const double usual = median (changes_);
  std::vector<std::size_t> cuts;
  for (std::size_t i = 0; i < changes_.size (); ++i)
    if (changes_[i] > certain_cut ||
        (changes_[i] > possible_cut && changes_[i] > unusual_change * usual))
      cuts.push_back (i + 1);
  return cuts;
}

double
CutDetector::frozen () const
{
  if (changes_.empty ())
    return 0;
  const auto still = [] (double change) {
    return change < frozen_change;
  };
  return double (std::count_if (changes_.begin (), changes_.end (), still)) /
         changes_.size ();
}

void
Look::add (const cv::Mat &rgb)
{
  cv::Mat grid;
  cv::resize (rgb, grid, {4, 4}, 0, 0, cv::INTER_AREA);
  if (sum_.empty ())
    sum_ = cv::Mat::zeros (grid.size (), CV_64FC3);
  cv::accumulate (grid, sum_);
  ++count_;
}

void
Look::add (const Look &other)
{
  if (sum_.empty ())
    sum_ = other.sum_.clone ();
  else
    sum_ += other.sum_;
  count_ += other.count_;
}

std::vector<double>
Look::mean () const
{
  if (sum_.empty ())
    return {};
  const cv::Mat values = sum_.reshape (1, 1) / count_;
  return {values.begin<double> (), values.end<double> ()};
}

double
look_distance (const std::vector<double> &a, const std::vector<double> &b)
{
  if (a.empty () || b.empty ())
    return 0;
  return cv::norm (a, b, cv::NORM_L1) / double (a.size ());
}

void
CameraMotion::anchor (const cv::Mat &grey, const cv::Rect2d &face)
{
  anchor_ = grey.clone ();
  anchor_position_ = position_;
  corners_.clear ();
  cv::goodFeaturesToTrack (grey, corners_, most_corners, 0.02, 7,
                           background (grey, face));
  // Its threshold is relative: on a plain background it finds the noise.
  cv::Mat strength;
  cv::cornerMinEigenVal (grey, strength, 3);
  const auto weak = [&strength] (const cv::Point2f &corner) {
    return strength.at<float> (cv::Point (corner)) < least_corner_strength;
  };
  corners_.erase (std::remove_if (corners_.begin (), corners_.end (), weak),
                  corners_.end ());
}

// Moves position_ to where the corners are now; false if too few agree.
bool
CameraMotion::follow (const cv::Mat &grey)
{
  if (int (corners_.size ()) < enough_corners)
    return false;
  std::vector<cv::Point2f> now, back;
  std::vector<std::uint8_t> found, found_back;
  cv::calcOpticalFlowPyrLK (anchor_, grey, corners_, now, found, cv::noArray ());
  cv::calcOpticalFlowPyrLK (grey, anchor_, now, back, found_back, cv::noArray ());
  std::vector<double> x, y;
  for (std::size_t i = 0; i < now.size (); ++i)
    if (found[i] && found_back[i] && cv::norm (back[i] - corners_[i]) < 1) {
      x.push_back (now[i].x - corners_[i].x);
      y.push_back (now[i].y - corners_[i].y);
    }
  const cv::Point2d shift (median (x), median (y));
  int agree = 0;
  for (std::size_t i = 0; i < x.size (); ++i)
    agree += cv::norm (cv::Point2d (x[i], y[i]) - shift) < 2;
  if (agree < enough_corners || 2 * agree < int (corners_.size ()))
    return false;
  position_ = anchor_position_ + shift;
  return true;
}

void
CameraMotion::add (const cv::Mat &grey, const cv::Rect2d &face)
{
  if (previous_.empty ()) {
    anchor (grey, face);
  } else {
    bool seen = follow (grey);
    if (!seen) {
      // The anchor is too far away by now: go on from the picture before.
      anchor (previous_, previous_face_);
      seen = follow (grey);
    }
    if (!seen)
      anchor (grey, face);
    ++(seen ? followed_ : lost_);
    largest_ = std::max (largest_, cv::norm (position_));
  }
  previous_ = grey.clone ();
  previous_face_ = face;
}

std::optional<double>
CameraMotion::largest_shift () const
{
  if (followed_ == 0 || followed_ < lost_)
    return std::nullopt;
  return largest_;
}

} // namespace daetalker
