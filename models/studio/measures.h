// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the preflight measures of one clip of footage, in numbers that can be kept
// and judged again later.
#pragma once

#include "models/studio/spans.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>
#include <vector>

namespace daetalker {

// Lags of ClipMeasures::av_correlation: -av_lags ... +av_lags frames.
constexpr int av_lags = 12;

struct ClipMeasures {
  double seconds = 0;
  double native_fps = 0;   // 0 = variable or unknown
  double repeated = 0;     // share of frames repeated to reach 25 a second
  double frozen = 0;       // share of frames equal to the one before
  std::vector<Span> spans; // all of the clip
  // From here to `look`: of what can be used or, where that is nothing, of all.
  double without_face = 0; // shares of the inspected frames
  double several_faces = 0;
  double face_width = 0;    // median, pixels of the footage
  double outside = 0;       // share of frames whose face leaves the crop
  std::vector<double> look; // mean colours (0 to 255) of a 4x4 grid over the picture
  std::optional<double>
      camera_shift; // largest, in face widths; none on a plain background
  bool has_sound = false;
  double silence = 1;  // share of frames 30 dB or more below loud speech
  double clipping = 0; // share of samples at full scale
  double snr_db = 0;   // loud speech over the quietest tenth of the frames, in dB
  std::vector<double> pose_low; // 1st and 99th percentile of yaw, pitch, roll
  std::vector<double> pose_high;
  // Correlation of mouth opening, moved by the lag, with loudness; positive lags:
  // the picture comes after the sound.  Empty without a voice.
  std::vector<double> av_correlation;
};

// Of the spans that have no flaw.
double usable_seconds (const ClipMeasures &measures);

void to_json (nlohmann::json &json, const ClipMeasures &measures);
void from_json (const nlohmann::json &json, ClipMeasures &measures);

// Sound level of every frame in dB below full scale, at least -96.
std::vector<double> loudness (const std::vector<std::int16_t> &speech);

// Fills in silence, clipping and snr_db.
void measure_speech (const std::vector<std::int16_t> &speech, ClipMeasures &measures);

// Correlation coefficients of `mouth` [t + lag] with `level` [t]; empty if either
// does not move or is shorter than 4 * av_lags.
std::vector<double> correlate_lags (const std::vector<double> &mouth,
                                    const std::vector<double> &level);

// The lag of the highest correlation, between frames by a parabola; none if
// there is no peak inside the range.
std::optional<double> best_lag (const std::vector<double> &correlation);

// Mean difference of two looks in grey levels; 0 if either is empty.
double look_distance (const std::vector<double> &a, const std::vector<double> &b);

// Finds cuts and frozen pictures.
class CutDetector {
public:
  void add (const cv::Mat &grey); // CV_8UC1, any size, the same for all

  // Frames that begin a new shot.  A cut changes the picture by 20 grey levels on
  // average, or by 5 and eight times what is usual in the clip.
  std::vector<std::size_t> cuts () const;
  double frozen () const;

private:
  cv::Mat previous_;
  std::vector<double> changes_;
};

// Averages the colours of pictures on a 4x4 grid.
class Look {
public:
  void add (const cv::Mat &rgb); // CV_8UC3
  void add (const Look &other);
  std::vector<double> mean () const;

private:
  cv::Mat sum_;
  int count_ = 0;
};

// Follows the corner points of the background, outside of head and shoulders.
class CameraMotion {
public:
  // `face` in pixels of `grey`; an empty box hides nothing.
  void add (const cv::Mat &grey, const cv::Rect2d &face);

  // The largest distance in pixels from the first picture's position; none if the
  // background was too plain to tell.
  std::optional<double> largest_shift () const;

private:
  bool follow (const cv::Mat &grey);
  void anchor (const cv::Mat &grey, const cv::Rect2d &face);

  cv::Mat previous_;
  cv::Rect2d previous_face_;
  cv::Mat anchor_; // the picture in which the corners were found
  std::vector<cv::Point2f> corners_;
  cv::Point2d anchor_position_;
  cv::Point2d position_;
  double largest_ = 0;
  int followed_ = 0;
  int lost_ = 0;
};

} // namespace daetalker
