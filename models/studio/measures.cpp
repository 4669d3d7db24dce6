// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/measures.h"

#include "models/studio/media.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace daetalker {

namespace {

constexpr double floor_db = -96;
constexpr double silence_db = 30;
constexpr int full_scale = 32600; // coders overshoot and undershoot the rail

double
percentile (std::vector<double> values, double share)
{
  if (values.empty ())
    return 0;
  const auto at = values.begin () + std::ptrdiff_t (share * (values.size () - 1));
  std::nth_element (values.begin (), at, values.end ());
  return *at;
}

} // namespace

double
usable_seconds (const ClipMeasures &m)
{
  std::uint64_t frames = 0;
  for (const Span &span : m.spans)
    frames += span.flaw == Flaw::none ? span.frames : 0;
  return double (frames) / dataset_fps;
}

void
to_json (nlohmann::json &json, const ClipMeasures &m)
{
  json = {{"seconds", m.seconds},
          {"native_fps", m.native_fps},
          {"repeated", m.repeated},
          {"frozen", m.frozen},
          {"without_face", m.without_face},
          {"several_faces", m.several_faces},
          {"face_width", m.face_width},
          {"outside", m.outside},
          {"spans", m.spans},
          {"camera_shift", m.camera_shift ? nlohmann::json (*m.camera_shift) : nullptr},
          {"look", m.look},
          {"has_sound", m.has_sound},
          {"silence", m.silence},
          {"clipping", m.clipping},
          {"snr_db", m.snr_db},
          {"pose_low", m.pose_low},
          {"pose_high", m.pose_high},
          {"av_correlation", m.av_correlation}};
}

void
from_json (const nlohmann::json &json, ClipMeasures &m)
{
  json.at ("seconds").get_to (m.seconds);
  json.at ("native_fps").get_to (m.native_fps);
  json.at ("repeated").get_to (m.repeated);
  json.at ("frozen").get_to (m.frozen);
  json.at ("without_face").get_to (m.without_face);
  json.at ("several_faces").get_to (m.several_faces);
  json.at ("face_width").get_to (m.face_width);
  json.at ("outside").get_to (m.outside);
  json.at ("spans").get_to (m.spans);
  m.camera_shift.reset ();
  if (!json.at ("camera_shift").is_null ())
    m.camera_shift = json.at ("camera_shift").get<double> ();
  json.at ("look").get_to (m.look);
  json.at ("has_sound").get_to (m.has_sound);
  json.at ("silence").get_to (m.silence);
  json.at ("clipping").get_to (m.clipping);
  json.at ("snr_db").get_to (m.snr_db);
  json.at ("pose_low").get_to (m.pose_low);
  json.at ("pose_high").get_to (m.pose_high);
  json.at ("av_correlation").get_to (m.av_correlation);
}

std::vector<double>
loudness (const std::vector<std::int16_t> &speech)
{
  std::vector<double> levels;
  for (std::size_t begin = 0; begin + samples_per_frame <= speech.size ();
       begin += samples_per_frame) {
    double energy = 0;
    for (int i = 0; i < samples_per_frame; ++i)
      energy += std::pow (speech[begin + i] / 32768.0, 2);
    const double power = energy / samples_per_frame;
    levels.push_back (power > 0 ? std::max (floor_db, 10 * std::log10 (power))
                                : floor_db);
  }
  return levels;
}

void
measure_speech (const std::vector<std::int16_t> &speech, ClipMeasures &measures)
{
  const std::vector<double> levels = loudness (speech);
  if (levels.empty ())
    return;
  const double loud = percentile (levels, 0.95);
  const auto silent = [loud] (double level) {
    return level <= floor_db || level < loud - silence_db;
  };
  measures.silence =
      double (std::count_if (levels.begin (), levels.end (), silent)) / levels.size ();
  measures.snr_db = loud - percentile (levels, 0.1);
  const auto clipped = [] (int sample) {
    return std::abs (sample) >= full_scale;
  };
  measures.clipping =
      double (std::count_if (speech.begin (), speech.end (), clipped)) / speech.size ();
}

std::vector<double>
correlate_lags (const std::vector<double> &mouth, const std::vector<double> &level)
{
  const auto count = std::ptrdiff_t (std::min (mouth.size (), level.size ()));
  std::vector<double> result;
  if (count < 4 * av_lags)
    return result;
  for (int lag = -av_lags; lag <= av_lags; ++lag) {
    const std::ptrdiff_t begin = std::max (0, -lag), end = count - std::max (0, lag);
    const double n = double (end - begin);
    double x = 0, y = 0, xx = 0, yy = 0, xy = 0;
    for (std::ptrdiff_t t = begin; t < end; ++t) {
      const double a = mouth[t + lag], b = level[t];
      x += a;
      y += b;
      xx += a * a;
      yy += b * b;
      xy += a * b;
    }
    const double variance = (xx - x * x / n) * (yy - y * y / n);
    if (!(variance > 1e-12))
      return {};
    result.push_back ((xy - x * y / n) / std::sqrt (variance));
  }
  return result;
}

std::optional<double>
best_lag (const std::vector<double> &correlation)
{
  const auto top = std::max_element (correlation.begin (), correlation.end ());
  if (top == correlation.begin () || top == correlation.end () ||
      top + 1 == correlation.end ())
    return std::nullopt;
  const double curvature = top[-1] - 2 * top[0] + top[1];
  const double between = curvature < 0 ? 0.5 * (top[-1] - top[1]) / curvature : 0;
  return double (top - correlation.begin ()) - av_lags + between;
}

} // namespace daetalker
