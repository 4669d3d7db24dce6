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

// What an alignment of words says.  `path`: lines "begin end word" in units of 1/25000 s,
// "sil" and "sp" for none, as the GRID corpus has them (NAME.align).  Both throw Error:
// not_found, corrupt.

// Of so many frames those without a word, like the two before and after them: where a
// recording's noise is too loud for silent_frames().
std::vector<std::size_t> wordless_frames (const std::string &path, std::size_t frames);

// Frames in which a word begins with b, p or m.
std::vector<std::size_t> labial_onsets (const std::string &path);

} // namespace daetalker
