// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Where in a clip's speech a mouth should be closed.
#pragma once

#include <string>
#include <vector>

namespace daetalker {

// Frames of 40 ms of silence: quieter than 40 dB below the loudest one, like the two
// before and after them (lips move before they sound).
std::vector<std::size_t> silent_frames (const std::vector<float> &speech);

// Frames in which a word begins with b, p or m.  `path`: lines "begin end word" in
// units of 1/25000 s, as the GRID corpus has them (NAME.align).  Throws Error: not_found,
// corrupt.
std::vector<std::size_t> labial_onsets (const std::string &path);

} // namespace daetalker
