// SPDX-License-Identifier: LGPL-2.1-or-later
//
// JSON from files that nobody vouches for.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace daetalker {

// Throws Error (corrupt) with `subject` as the file's name if `text` is not JSON,
// is longer than 16 MiB, or is nested so deeply that walking it could exhaust
// the stack.
nlohmann::json parse_json (const std::string &text, const std::string &subject);

// The same from a file; throws not_found and unreadable too.
nlohmann::json read_json (const std::string &path);

} // namespace daetalker
