// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/pieces.h"

#include "models/studio/media.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace daetalker {

namespace {

constexpr std::uint64_t pause = 5; // frames that are quiet together, around a cut

// Of the `pause` frames around the beginning of `frame`.
double
loudness (const std::vector<std::int16_t> &speech, std::uint64_t frame)
{
  const auto sample = [&speech] (std::uint64_t at) {
    const std::uint64_t index = at * samples_per_frame;
    return speech.begin () + std::ptrdiff_t (std::min (index, speech.size ()));
  };
  const std::uint64_t before = std::min (frame, pause / 2);
  return std::accumulate (sample (frame - before), sample (frame - before + pause), 0.0,
                          [] (double sum, double value) { return sum + value * value; });
}

// Appends the pieces of `span`, without names.
void
cut (const Span &span, const std::vector<std::int16_t> &speech, double seconds,
     std::vector<DatasetPiece> &pieces)
{
  const auto count = std::uint64_t (
      std::max (1.0, std::round (double (span.frames) / (seconds * dataset_fps))));
  const std::uint64_t reach = span.frames / count / 4;
  std::uint64_t begin = span.first;
  for (std::uint64_t i = 1; i < count; ++i) {
    // From the even mark outwards: it stays where all is equally loud.
    const std::uint64_t mark = span.first + i * span.frames / count;
    std::uint64_t best = mark;
    double least = loudness (speech, mark);
    for (std::uint64_t away = 1; away <= reach; ++away)
      for (const std::uint64_t frame : {mark - away, mark + away})
        if (const double here = loudness (speech, frame); here < least) {
          least = here;
          best = frame;
        }
    pieces.push_back ({"", begin, best - begin});
    begin = best;
  }
  pieces.push_back ({"", begin, span.first + span.frames - begin});
}

} // namespace

std::vector<DatasetPiece>
cut_into_pieces (const std::string &name, const std::vector<Span> &spans,
                 const std::vector<std::int16_t> &speech, double seconds)
{
  std::vector<DatasetPiece> pieces;
  for (const Span &span : spans)
    if (span.flaw == Flaw::none)
      cut (span, speech, seconds, pieces);
  for (std::size_t i = 0; i < pieces.size (); ++i) {
    char number[24];
    std::snprintf (number, sizeof number, "@%03d", int (i + 1));
    pieces[i].name = pieces.size () == 1 ? name : name + number;
  }
  return pieces;
}

} // namespace daetalker
