// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/spans.h"

#include <algorithm>

namespace daetalker {

namespace {

constexpr std::size_t least_lapse = 25; // frames
constexpr std::size_t lapse_margin = 5;
constexpr std::size_t least_span = 50;

bool
is_lapse (Flaw flaw)
{
  return flaw != Flaw::none && flaw != Flaw::other_shot;
}

// Short lapses are borne, long ones grow a little at both ends.
void
settle_lapses (std::vector<Flaw> &flaws)
{
  const std::vector<Flaw> seen = flaws;
  const auto at = [&flaws] (std::size_t frame) {
    return flaws.begin () + std::ptrdiff_t (frame);
  };
  for (std::size_t begin = 0, end; begin < seen.size (); begin = end) {
    for (end = begin; end < seen.size () && is_lapse (seen[end]);)
      ++end;
    if (end == begin) {
      ++end;
    } else if (end - begin < least_lapse) {
      std::fill (at (begin), at (end), Flaw::none);
    } else {
      const std::size_t before = begin - std::min (begin, lapse_margin);
      const std::size_t after = std::min (end + lapse_margin, seen.size ());
      std::replace (at (before), at (begin), Flaw::none, seen[begin]);
      std::replace (at (end), at (after), Flaw::none, seen[end - 1]);
    }
  }
}

} // namespace

std::vector<Span>
divide (std::vector<Flaw> flaws, const std::vector<std::size_t> &cuts)
{
  settle_lapses (flaws);
  std::vector<Span> spans;
  for (std::size_t frame = 0; frame < flaws.size (); ++frame) {
    const Flaw flaw = flaws[frame];
    const bool cut =
        flaw == Flaw::none && std::binary_search (cuts.begin (), cuts.end (), frame);
    if (spans.empty () || spans.back ().flaw != flaw || cut)
      spans.push_back ({frame, 0, flaw});
    ++spans.back ().frames;
  }
  if (spans.size () > 1)
    for (Span &span : spans)
      if (span.flaw == Flaw::none && span.frames < least_span)
        span.flaw = Flaw::too_short;
  return spans;
}

} // namespace daetalker
