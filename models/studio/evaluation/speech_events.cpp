// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/evaluation/speech_events.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "models/engine.h"
#include "models/studio/media.h"

namespace daetalker {

std::vector<std::size_t>
silent_frames (const std::vector<float> &speech)
{
  constexpr std::ptrdiff_t around = 2;
  constexpr double quiet = 1e-4; // of the loudest frame's power: -40 dB
  std::vector<double> powers;
  for (std::size_t i = 0; i + samples_per_frame <= speech.size ();
       i += samples_per_frame) {
    double power = 0;
    for (std::size_t k = i; k < i + samples_per_frame; ++k)
      power += double (speech[k]) * speech[k];
    powers.push_back (power);
  }
  std::vector<std::size_t> result;
  if (powers.empty ())
    return result;
  const double limit = quiet * *std::max_element (powers.begin (), powers.end ());
  const auto frames = std::ptrdiff_t (powers.size ());
  for (std::ptrdiff_t f = 0; f < frames; ++f) {
    const auto first = powers.begin () + std::max<std::ptrdiff_t> (f - around, 0);
    const auto last = powers.begin () + std::min (f + around + 1, frames);
    if (std::all_of (first, last, [limit] (double power) { return power <= limit; }))
      result.push_back (std::size_t (f));
  }
  return result;
}

std::vector<std::size_t>
labial_onsets (const std::string &path)
{
  constexpr double unit = 1.0 / 25000;
  std::ifstream file (path);
  if (!file)
    throw Error (ErrorCode::not_found, path, "there is no such alignment",
                 "Give the folder of NAME.align with --alignments");
  std::vector<std::size_t> result;
  std::string line;
  while (std::getline (file, line)) {
    std::istringstream words (line);
    double begin = 0, end = 0;
    std::string word;
    if (!(words >> begin >> end >> word) || begin < 0)
      throw Error (ErrorCode::corrupt, path, "\"" + line + "\" is no alignment",
                   "A line is \"begin end word\", in units of 1/25000 s");
    if (std::string ("bpm").find (word[0]) != std::string::npos)
      result.push_back (std::size_t (begin * unit * dataset_fps));
  }
  return result;
}

} // namespace daetalker
