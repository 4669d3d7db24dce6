// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Sound files in any container that GStreamer decodes, as 16 kHz mono.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace daetalker {

// All of it.  Throws Error: not_found, unreadable (a folder, not sound, no decoder).
std::vector<std::int16_t> read_sound (const std::string &path);

} // namespace daetalker
