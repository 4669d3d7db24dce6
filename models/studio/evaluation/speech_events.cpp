// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/evaluation/speech_events.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "models/engine.h"
#include "models/studio/media.h"

namespace daetalker {

namespace {

// Lips move before they sound: frames like the two before and after them.
std::vector<std::size_t>
inner_frames (const std::vector<bool> &silent)
{
  constexpr std::ptrdiff_t around = 2;
  const auto frames = std::ptrdiff_t (silent.size ());
  std::vector<std::size_t> result;
  for (std::ptrdiff_t f = 0; f < frames; ++f) {
    const auto first = silent.begin () + std::max<std::ptrdiff_t> (f - around, 0);
    const auto last = silent.begin () + std::min (f + around + 1, frames);
    if (std::find (first, last, false) == last)
      result.push_back (std::size_t (f));
  }
  return result;
}

struct Word {
  double begin, end; // in frames
  std::string text;
};

std::vector<Word>
read_alignment (const std::string &path)
{
  constexpr double frames = double (dataset_fps) / 25000; // a unit's
  std::ifstream file (path);
  if (!file)
    throw Error (ErrorCode::not_found, path, "there is no such alignment",
                 "Give the folder of NAME.align with --alignments");
  std::vector<Word> result;
  std::string line;
  while (std::getline (file, line)) {
    std::istringstream words (line);
    Word word;
    if (!(words >> word.begin >> word.end >> word.text) || word.begin < 0 ||
        word.end < word.begin)
      throw Error (ErrorCode::corrupt, path, "\"" + line + "\" is no alignment",
                   "A line is \"begin end word\", in units of 1/25000 s");
    word.begin *= frames;
    word.end *= frames;
    result.push_back (word);
  }
  return result;
}

} // namespace

std::vector<std::size_t>
silent_frames (const std::vector<float> &speech)
{
  constexpr double quiet = 1e-4; // of the loudest frame's power: -40 dB
  std::vector<double> powers;
  for (std::size_t i = 0; i + samples_per_frame <= speech.size ();
       i += samples_per_frame) {
    double power = 0;
    for (std::size_t k = i; k < i + samples_per_frame; ++k)
      power += double (speech[k]) * speech[k];
    powers.push_back (power);
  }
  if (powers.empty ())
    return {};
  const double limit = quiet * *std::max_element (powers.begin (), powers.end ());
  std::vector<bool> silent;
  for (const double power : powers)
    silent.push_back (power <= limit);
  return inner_frames (silent);
}

std::vector<std::size_t>
wordless_frames (const std::string &path, std::size_t frames)
{
  std::vector<bool> silent (frames, true);
  for (const Word &word : read_alignment (path)) {
    if (word.text == "sil" || word.text == "sp")
      continue;
    const double end = std::min (double (frames), std::ceil (word.end));
    for (double f = std::floor (word.begin); f < end; ++f)
      silent[std::size_t (f)] = false;
  }
  return inner_frames (silent);
}

std::vector<std::size_t>
labial_onsets (const std::string &path)
{
  std::vector<std::size_t> result;
  for (const Word &word : read_alignment (path))
    if (std::string ("bpm").find (word.text[0]) != std::string::npos)
      result.push_back (std::size_t (word.begin));
  return result;
}

} // namespace daetalker
