// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/report.h"

#include "models/io/files.h"
#include "models/studio/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <filesystem>
#include <glib.h>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <sstream>

namespace daetalker {

namespace {

constexpr double frame_ms = 40;
constexpr double least_minutes = 5; // below, voices and poses are missed

std::string format (const char *pattern, ...) G_GNUC_PRINTF (1, 2);

std::string
format (const char *pattern, ...)
{
  va_list arguments;
  va_start (arguments, pattern);
  gchar *text = g_strdup_vprintf (pattern, arguments);
  va_end (arguments);
  const std::string result (text);
  g_free (text);
  return result;
}

std::string
escape (const std::string &text)
{
  gchar *escaped = g_markup_escape_text (text.c_str (), -1);
  const std::string result (escaped);
  g_free (escaped);
  return result;
}

void
write_text (const std::string &path, const std::string &text)
{
  replace_file (path, text);
}

std::string
offset_sentence (const std::vector<double> &correlation)
{
  const auto lag = best_lag (correlation);
  if (!lag)
    return "The offset between picture and sound could not be told.";
  const double peak = correlation[std::size_t (std::lround (*lag) + av_lags)];
  const long moved = std::lround (-*lag * frame_ms); // a whole number has no -0
  return format (
      "Mouth and sound fit best with the picture moved by %+ld ms (correlation %.2f).",
      moved, peak);
}

// Correlation over the lag.
std::string
offset_picture (const std::vector<double> &correlation)
{
  if (correlation.empty ())
    return "";
  std::ostringstream svg;
  svg << "<svg viewBox='-20 -10 520 170' width='520'><path fill='none' stroke='#888' "
         "d='M0 120H480"
         "M240 0V140'/><polyline fill='none' stroke='#06c' stroke-width='2' points='";
  for (std::size_t i = 0; i < correlation.size (); ++i)
    svg << 480.0 * i / (correlation.size () - 1) << ',' << 120 - 110 * correlation[i]
        << ' ';
  svg << "'/><text x='0' y='155'>-" << av_lags * frame_ms
      << " ms</text><text x='240' y='155' "
      << "text-anchor='middle'>0</text><text x='480' y='155' text-anchor='end'>+"
      << av_lags * frame_ms << " ms</text></svg>";
  return svg.str ();
}

// A rectangle per clip in the plane of yaw and pitch.
std::string
pose_picture (const DatasetIndex &index)
{
  std::ostringstream svg;
  svg << "<svg viewBox='-60 -60 120 120' width='360'><path stroke='#888' "
         "stroke-width='.3' "
         "d='M-60 0H60M0-60V60'/><g fill='#06c' fill-opacity='.15'>";
  for (const DatasetClip &clip : index.clips) {
    if (!clip.refused.empty () || !clip.measures || clip.measures->pose_low.empty ())
      continue;
    const auto &low = clip.measures->pose_low, &high = clip.measures->pose_high;
    svg << format ("<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f'/>", low[0],
                   -high[1], high[0] - low[0], high[1] - low[1]);
  }
  svg << "</g><text font-size='5' x='-59' y='-2'>yaw -60°</text>"
         "<text font-size='5' x='2' y='-55'>pitch +60°</text></svg>";
  return svg.str ();
}

std::string
clip_figure (const DatasetClip &clip, bool with_picture)
{
  std::ostringstream html;
  html << "<figure class='" << (clip.refused.empty () ? "used" : "refused") << "'>";
  if (with_picture)
    html << "<img loading='lazy' alt='' src='report/" << escape (clip.name) << ".jpg'>";
  html << "<figcaption><b>" << escape (clip.name) << "</b>";
  for (const std::string &reason : clip.refused)
    html << "<br>refused: " << escape (reason);
  for (const std::string &note : clip.notes)
    html << "<br>" << escape (note);
  if (const auto &m = clip.measures) {
    html << format ("<br>%.1f s, face %.0f px, silent %.0f %%, signal over noise %.0f dB",
                    m->seconds, m->face_width, 100 * m->silence, m->snr_db);
    if (!m->pose_low.empty ())
      html << format ("<br>yaw %.0f…%.0f°, pitch %.0f…%.0f°, roll %.0f…%.0f°",
                      m->pose_low[0], m->pose_high[0], m->pose_low[1], m->pose_high[1],
                      m->pose_low[2], m->pose_high[2]);
  }
  html << "</figcaption></figure>\n";
  return html.str ();
}

constexpr const char *page_head = R"(<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>Footage report</title>
<style>
body { font: 15px/1.4 sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
figure { display: inline-block; vertical-align: top; width: 15rem; margin: .4rem; font-size: 12px; }
figure img { width: 100%; }
.refused figcaption { color: #a00; }
</style>
<h1>Footage report</h1>
)";

} // namespace

DatasetSummary
summarise (const DatasetIndex &index)
{
  DatasetSummary sum;
  double correlated = 0;
  for (const DatasetClip &clip : index.clips) {
    const bool used = clip.refused.empty () && clip.measures;
    ++(used ? sum.used : sum.refused);
    if (!clip.measures)
      continue;
    const ClipMeasures &m = *clip.measures;
    const double seconds = used ? usable_seconds (m) : 0;
    sum.seconds += seconds;
    sum.seconds_left_out += m.seconds - seconds;
    if (!used)
      continue;
    sum.without_face += seconds * m.without_face;
    sum.silence += seconds * m.silence;
    sum.clipping += seconds * m.clipping;
    if (sum.pose_low.empty ()) {
      sum.pose_low = m.pose_low;
      sum.pose_high = m.pose_high;
    }
    for (std::size_t i = 0; i < std::min (m.pose_low.size (), sum.pose_low.size ());
         ++i) {
      sum.pose_low[i] = std::min (sum.pose_low[i], m.pose_low[i]);
      sum.pose_high[i] = std::max (sum.pose_high[i], m.pose_high[i]);
    }
    if (m.av_correlation.empty ())
      continue;
    correlated += seconds;
    sum.av_correlation.resize (m.av_correlation.size ());
    for (std::size_t i = 0; i < m.av_correlation.size (); ++i)
      sum.av_correlation[i] += seconds * m.av_correlation[i];
  }
  if (sum.seconds > 0)
    for (double *mean : {&sum.without_face, &sum.silence, &sum.clipping})
      *mean /= sum.seconds;
  for (double &value : sum.av_correlation)
    value /= correlated;
  return sum;
}

std::vector<std::string>
describe (const DatasetSummary &sum)
{
  std::vector<std::string> lines;
  lines.push_back (
      format ("%zu clips are used, %s of footage; %zu are refused; %s are left out.",
              sum.used, format_duration (sum.seconds).c_str (), sum.refused,
              format_duration (sum.seconds_left_out).c_str ()));
  if (sum.used == 0)
    return lines;
  if (sum.seconds < 60 * least_minutes)
    lines.push_back (
        format ("That is little: an avatar wants %.0f minutes or more, and ten are "
                "better; expect lips that miss sounds.",
                least_minutes));
  lines.push_back (
      format ("No face in %.1f %% of the inspected frames; %.0f %% of the sound is "
              "silence; %.3f %% of the samples are clipped.",
              100 * sum.without_face, 100 * sum.silence, 100 * sum.clipping));
  lines.push_back (offset_sentence (sum.av_correlation));
  if (sum.pose_low.size () == 3)
    lines.push_back (
        format ("Head poses: yaw %.0f to %.0f, pitch %.0f to %.0f, roll %.0f to %.0f "
                "degrees; the avatar will not turn further.",
                sum.pose_low[0], sum.pose_high[0], sum.pose_low[1], sum.pose_high[1],
                sum.pose_low[2], sum.pose_high[2]));
  return lines;
}

void
write_thumbnail (const std::string &dataset, const std::string &name, const cv::Mat &rgb)
{
  cv::Mat bgr;
  std::vector<std::uint8_t> jpeg;
  cv::cvtColor (rgb, bgr, cv::COLOR_RGB2BGR);
  cv::imencode (".jpg", bgr, jpeg, {cv::IMWRITE_JPEG_QUALITY, 85});
  AtomicFile file (dataset + "/report/" + name + ".jpg");
  file.write (jpeg.data (), jpeg.size ());
  file.commit ();
}

void
write_report (const std::string &dataset, const DatasetIndex &index)
{
  std::ostringstream html;
  const DatasetSummary sum = summarise (index);
  html << page_head;
  for (const std::string &line : describe (sum))
    html << "<p>" << escape (line) << "</p>\n";
  html << "<h2>Picture against sound</h2>" << offset_picture (sum.av_correlation)
       << "<h2>Head poses of the clips</h2>" << pose_picture (index);
  for (const bool refused : {true, false}) {
    html << "<h2>" << (refused ? "Refused" : "Used") << "</h2>\n";
    for (const DatasetClip &clip : index.clips)
      if (clip.refused.empty () != refused)
        html << clip_figure (
            clip, std::filesystem::exists (dataset + "/report/" + clip.name + ".jpg"));
  }
  html << "</html>\n";
  write_text (dataset + "/report.html", html.str ());
}

} // namespace daetalker
