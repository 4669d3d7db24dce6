// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What of a clip can be used: one interruption must not cost ten minutes of footage.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

namespace daetalker {

enum class Flaw { none, no_face, several_faces, outside, other_shot, too_short };

NLOHMANN_JSON_SERIALIZE_ENUM (Flaw, {{Flaw::none, nullptr},
                                     {Flaw::no_face, "no face"},
                                     {Flaw::several_faces, "several faces"},
                                     {Flaw::outside, "the head leaves the picture"},
                                     {Flaw::other_shot, "other framing or light"},
                                     {Flaw::too_short, "less than two seconds"}})

// Frames of a clip that follow each other, with the same flaw.
struct Span {
  std::uint64_t first = 0;
  std::uint64_t frames = 0;
  Flaw flaw = Flaw::none; // none: it can be used
};

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE (Span, first, frames, flaw)

// Divides a clip into spans without a gap.  `flaws`: of each frame, never too_short;
// `cuts`: frames that begin a new shot.  Less than a second without one face inside the
// picture is borne, the detector may have missed it; what is longer takes a fifth of a
// second before and after with it.  Where a clip is divided, what is left and lasts less
// than two seconds is too_short.
std::vector<Span> divide (std::vector<Flaw> flaws, const std::vector<std::size_t> &cuts);

} // namespace daetalker
