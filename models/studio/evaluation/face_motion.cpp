// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/evaluation/face_motion.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace daetalker {

namespace {

// Points first..last - 1 of the iBUG mark-up.
cv::Point2d
middle (const Landmarks &landmarks, int first, int last)
{
  cv::Point2d sum;
  for (int i = first; i < last; ++i)
    sum += cv::Point2d (landmarks[std::size_t (i)]);
  return sum / double (last - first);
}

// `made` read `lag` frames later.
double
correlation_at (const std::vector<double> &made, const std::vector<double> &real, int lag)
{
  const int frames = int (real.size ());
  const int begin = std::max (0, -lag), end = std::min (frames, frames - lag);
  double a = 0, b = 0, aa = 0, bb = 0, ab = 0;
  for (int i = begin; i < end; ++i) {
    const double x = made[std::size_t (i + lag)], y = real[std::size_t (i)];
    a += x;
    b += y;
    aa += x * x;
    bb += y * y;
    ab += x * y;
  }
  const double n = std::max (1, end - begin);
  const double variances = (aa - a * a / n) * (bb - b * b / n);
  return variances > 0 ? (ab - a * b / n) / std::sqrt (variances) : 0;
}

double
deviation (const std::vector<double> &values)
{
  const double n = double (values.size ());
  const double mean = std::accumulate (values.begin (), values.end (), 0.0) / n;
  double sum = 0;
  for (const double value : values)
    sum += (value - mean) * (value - mean);
  return std::sqrt (sum / n);
}

} // namespace

double
lip_opening (const Landmarks &landmarks)
{
  return (middle (landmarks, 65, 68) - middle (landmarks, 61, 64)).y;
}

std::vector<double>
lip_openings (const LandmarkTrack &track)
{
  std::vector<double> result;
  for (const Landmarks &landmarks : track)
    result.push_back (lip_opening (landmarks));
  return result;
}

Likeness
likeness (const std::vector<double> &made, const std::vector<double> &real, int max_lag)
{
  Likeness result;
  if (real.empty ())
    return result;
  result.correlation = correlation_at (made, real, 0);
  result.amplitude = deviation (made) / std::max (deviation (real), 1e-9);
  double best = result.correlation;
  for (int lag = -max_lag; lag <= max_lag; ++lag) {
    const double here = correlation_at (made, real, lag);
    if (here > best) {
      best = here;
      result.lag = lag;
    }
  }
  return result;
}

double
lip_distance (const LandmarkTrack &made, const LandmarkTrack &real)
{
  double sum = 0;
  for (std::size_t f = 0; f < real.size (); ++f) {
    const cv::Point2d shift = middle (made[f], 27, 48) - middle (real[f], 27, 48);
    for (std::size_t i = 48; i < 68; ++i)
      sum += cv::norm (cv::Point2d (made[f][i]) - cv::Point2d (real[f][i]) - shift);
  }
  return real.empty () ? 0 : sum / (20.0 * double (real.size ()));
}

double
closed_opening (const std::vector<double> &real)
{
  std::vector<double> sorted (real);
  std::sort (sorted.begin (), sorted.end ());
  return sorted.empty () ? 0 : sorted[sorted.size () / 10] + closed_margin;
}

double
closed_share (const std::vector<double> &openings, const std::vector<std::size_t> &where,
              double closed)
{
  const auto count = std::count_if (where.begin (), where.end (), [&] (std::size_t f) {
    return openings[f] <= closed;
  });
  return where.empty () ? 1 : double (count) / double (where.size ());
}

double
closed_near (const std::vector<double> &openings, const std::vector<std::size_t> &onsets,
             double closed, int reach)
{
  const auto frames = std::ptrdiff_t (openings.size ());
  const auto count = std::count_if (onsets.begin (), onsets.end (), [&] (std::size_t f) {
    const auto at = std::ptrdiff_t (f);
    const auto first =
        openings.begin () + std::clamp<std::ptrdiff_t> (at - reach, 0, frames);
    const auto last =
        openings.begin () + std::clamp<std::ptrdiff_t> (at + reach + 1, 0, frames);
    return first != last && *std::min_element (first, last) <= closed;
  });
  return onsets.empty () ? 1 : double (count) / double (onsets.size ());
}

int
count_blinks (const LandmarkTrack &track)
{
  const auto distance = [] (const Landmarks &points, std::size_t a, std::size_t b) {
    return cv::norm (points[a] - points[b]);
  };
  std::vector<double> ratios;
  for (const Landmarks &points : track) {
    double ratio = 0;
    for (const std::size_t eye : {36, 42})
      ratio +=
          (distance (points, eye + 1, eye + 5) + distance (points, eye + 2, eye + 4)) /
          std::max (4 * distance (points, eye, eye + 3), 1e-9);
    ratios.push_back (ratio);
  }
  if (ratios.empty ())
    return 0;
  std::vector<double> sorted (ratios);
  std::nth_element (sorted.begin (),
                    sorted.begin () + std::ptrdiff_t (sorted.size () / 2), sorted.end ());
  const double shut = 0.75 * sorted[sorted.size () / 2];
  int blinks = 0;
  for (std::size_t f = 1; f < ratios.size (); ++f)
    blinks += ratios[f] < shut && ratios[f - 1] >= shut;
  return blinks;
}

double
jitter (const LandmarkTrack &track)
{
  const auto place = [&track] (std::size_t frame) {
    const Landmarks &points = track[frame];
    return (middle (points, 27, 31) + cv::Point2d (points[39]) +
            cv::Point2d (points[42])) /
           3.0;
  };
  double sum = 0;
  for (std::size_t f = 1; f + 1 < track.size (); ++f) {
    const cv::Point2d bend = place (f - 1) - 2 * place (f) + place (f + 1);
    sum += bend.dot (bend);
  }
  return track.size () < 3 ? 0 : std::sqrt (sum / double (track.size () - 2));
}

} // namespace daetalker
