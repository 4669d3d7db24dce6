// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/verdict.h"

#include "models/studio/media.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace daetalker {

namespace {

// A single short clip says too little about the offset between its streams.
constexpr double least_seconds_for_offset = 20;
constexpr double least_correlation = 0.25;

std::string
percent (double share)
{
  char text[32];
  std::snprintf (text, sizeof text, "%.1f %%", 100 * share);
  return text;
}

std::string
number (double value)
{
  char text[32];
  std::snprintf (text, sizeof text, "%.3g", value);
  return text;
}

// When, and why.
std::string
left_out (const std::vector<Span> &spans)
{
  constexpr int shown = 5;
  int count = 0;
  std::string text;
  for (const Span &span : spans) {
    if (span.flaw == Flaw::none || ++count > shown)
      continue;
    char times[64];
    std::snprintf (times, sizeof times, "%s%.1f to %.1f s (", count > 1 ? "; " : "",
                   double (span.first) / dataset_fps,
                   double (span.first + span.frames) / dataset_fps);
    text += times + nlohmann::json (span.flaw).get<std::string> () + ")";
  }
  if (count > shown)
    text += " and " + std::to_string (count - shown) + " more";
  return text;
}

void
judge_picture (const ClipMeasures &m, const Thresholds &limits, Verdict &verdict)
{
  const auto refuse = [&verdict] (const std::string &why) {
    verdict.refused.push_back (why);
  };
  if (m.without_face >= 1) {
    refuse ("no face was found. Film the face from the front, lit from the front");
    return;
  }
  const std::string parts = left_out (m.spans);
  if (usable_seconds (m) <= 0)
    refuse ("nothing of it can be used: " + parts +
            ". Film one person, who stays in the picture, with one camera");
  else if (!parts.empty ())
    verdict.notes.push_back ("left out: " + parts);
  if (m.without_face > limits.most_without_face)
    refuse (percent (m.without_face) +
            " of the frames show no face. Cut them out, or look into the camera");
  if (m.several_faces > limits.most_several_faces)
    refuse (percent (m.several_faces) +
            " of the frames show more than one face. Crop the footage to one person");
  if (m.face_width < limits.least_face_width)
    refuse ("the face is " + number (m.face_width) +
            " pixels wide. Film closer, or with more pixels");
  if (m.outside > limits.most_outside)
    refuse ("the head leaves the picture in " + percent (m.outside) +
            " of the frames. Raise --crop-scale, or cut them out");
  if (m.camera_shift.value_or (0) > limits.most_camera_shift)
    refuse ("the camera moves by " + number (*m.camera_shift) +
            " face widths. Put it on a tripod");
  if (m.repeated > limits.most_repeated)
    refuse (percent (m.repeated) +
            " of the frames are repeats. Record at 25 frames a second or more");
  else if (m.native_fps == 0)
    verdict.notes.push_back ("its frame rate varies; it was resampled in time");
}

void
judge_sound (const ClipMeasures &m, const Thresholds &limits, Verdict &verdict)
{
  if (!m.has_sound) {
    verdict.refused.push_back ("it has no sound. Record the voice with the picture");
    return;
  }
  if (m.silence > limits.most_silence)
    verdict.refused.push_back (percent (m.silence) + " of it is silent. Leave it out");
  if (m.clipping > limits.most_clipping)
    verdict.refused.push_back (percent (m.clipping) +
                               " of the samples are clipped. Record at a lower level");
  if (m.snr_db < 20)
    verdict.notes.push_back ("the background is only " + number (m.snr_db) +
                             " dB below the voice");
  const auto offset = best_lag (m.av_correlation);
  if (m.seconds < least_seconds_for_offset || !offset)
    return;
  const double peak = m.av_correlation[std::size_t (std::lround (*offset) + av_lags)];
  if (peak >= least_correlation && std::abs (*offset) > limits.most_av_offset)
    verdict.refused.push_back ("the picture is " + number (std::abs (*offset) * 40) +
                               (*offset > 0 ? " ms late" : " ms early") +
                               " against the sound. Shift one of them");
}

} // namespace

std::vector<double>
usual_look (const std::vector<const ClipMeasures *> &clips)
{
  constexpr std::size_t fewest = 5;
  if (clips.size () < fewest)
    return {};
  std::vector<double> look (clips.front ()->look.size ());
  for (std::size_t i = 0; i < look.size (); ++i) {
    std::vector<double> values;
    for (const ClipMeasures *clip : clips)
      if (clip->look.size () == look.size ())
        values.push_back (clip->look[i]);
    const auto middle = values.begin () + values.size () / 2;
    std::nth_element (values.begin (), middle, values.end ());
    look[i] = *middle;
  }
  return look;
}

Verdict
judge (const ClipMeasures &measures, const Thresholds &thresholds,
       const std::vector<double> &usual_look)
{
  Verdict verdict;
  judge_picture (measures, thresholds, verdict);
  judge_sound (measures, thresholds, verdict);
  const double distance = look_distance (measures.look, usual_look);
  if (distance > thresholds.most_look_distance)
    verdict.refused.push_back (
        "light, colours or camera differ from the other footage by " + number (distance) +
        " grey levels. Make an avatar of its own of it");
  return verdict;
}

} // namespace daetalker
