// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/io/json.h"

#include "models/engine.h"
#include "models/io/files.h"

namespace daetalker {
namespace {

constexpr std::size_t max_bytes = 16u << 20;
constexpr int max_depth = 64;

[[noreturn]] void
refuse (const std::string &subject, const std::string &reason)
{
  throw Error (ErrorCode::corrupt, subject, reason,
               "Take the file again from where the model came from");
}

} // namespace

nlohmann::json
parse_json (const std::string &text, const std::string &subject)
{
  if (text.size () > max_bytes)
    refuse (subject, "it is too large for a description (over 16 MiB)");
  const auto check_depth = [&] (int depth, nlohmann::json::parse_event_t,
                                nlohmann::json &) {
    if (depth > max_depth)
      refuse (subject, "it is nested too deeply");
    return true;
  };
  try {
    return nlohmann::json::parse (text, check_depth);
  } catch (const nlohmann::json::parse_error &error) {
    refuse (subject, "it is not JSON (byte " + std::to_string (error.byte) + ")");
  } catch (const nlohmann::json::exception &) {
    refuse (subject, "it holds a number that is out of range");
  }
}

nlohmann::json
read_json (const std::string &path)
{
  const MappedFile file (path);
  if (file.size () > max_bytes)
    refuse (path, "it is too large for a description (over 16 MiB)");
  return parse_json (std::string (file.data (), file.data () + file.size ()), path);
}

} // namespace daetalker
