// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Sound as 16 kHz mono: files in any container that GStreamer decodes, and other voices.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace daetalker {

// All of it.  Throws Error: not_found, unreadable (a folder, not sound, no decoder).
std::vector<std::int16_t> read_sound (const std::string &path);

// Speech at `factor` times its pitch, and formants moved alike, as a smaller or larger
// person would say it: as many samples as `speech` has, which are where they were within
// 25 ms.  Throws Error (not_found: GStreamer's element for it is missing).
std::vector<std::int16_t> shift_pitch (const std::vector<std::int16_t> &speech,
                                       double factor);

} // namespace daetalker
