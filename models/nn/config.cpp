// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/config.h"

#include <cmath>

namespace daetalker {

using nlohmann::json;

ConfigReader::ConfigReader (const json &object, std::string file)
    : object_ (object), file_ (std::move (file))
{
  if (!object_.is_object ())
    fail ("a JSON object was expected");
}

void
ConfigReader::fail (const std::string &reason) const
{
  throw Error (ErrorCode::corrupt, file_, reason,
               "Take the file again from where the model came from");
}

const json *
ConfigReader::find (const char *key) const
{
  const auto found = object_.find (key);
  return found == object_.end () || found->is_null () ? nullptr : &*found;
}

bool
ConfigReader::has (const char *key) const
{
  return find (key) != nullptr;
}

static bool
is_integer_in (const json &value, int min, int max)
{
  if (value.is_number_unsigned ())
    return value.get<std::uint64_t> () <=
               static_cast<std::uint64_t> (std::max (max, 0)) &&
           value.get<std::int64_t> () >= min;
  return value.is_number_integer () && value.get<std::int64_t> () >= min &&
         value.get<std::int64_t> () <= max;
}

static std::string
quoted (const char *key)
{
  return "\"" + std::string (key) + "\"";
}

int
ConfigReader::integer (const char *key, int fallback, int min, int max) const
{
  const json *value = find (key);
  if (!value)
    return fallback;
  if (!is_integer_in (*value, min, max))
    fail (quoted (key) + " must be an integer from " + std::to_string (min) + " to " +
          std::to_string (max));
  return value->get<int> ();
}

double
ConfigReader::real (const char *key, double fallback, double min, double max) const
{
  const json *value = find (key);
  if (!value)
    return fallback;
  const double number = value->is_number () ? value->get<double> () : std::nan ("");
  if (!(number >= min && number <= max))
    fail (quoted (key) + " must be a number from " + json (min).dump () + " to " +
          json (max).dump ());
  return number;
}

bool
ConfigReader::boolean (const char *key, bool fallback) const
{
  const json *value = find (key);
  if (!value)
    return fallback;
  if (!value->is_boolean ())
    fail (quoted (key) + " must be true or false");
  return value->get<bool> ();
}

std::string
ConfigReader::text (const char *key, const std::string &fallback) const
{
  const json *value = find (key);
  if (!value)
    return fallback;
  if (!value->is_string ())
    fail (quoted (key) + " must be a text");
  return value->get<std::string> ();
}

std::vector<int>
ConfigReader::integers (const char *key, const std::vector<int> &fallback, int min,
                        int max, std::size_t max_count) const
{
  const json *value = find (key);
  if (!value)
    return fallback;
  const auto in_range = [&] (const json &item) {
    return is_integer_in (item, min, max);
  };
  if (!value->is_array () || value->empty () || value->size () > max_count ||
      !std::all_of (value->begin (), value->end (), in_range))
    fail (quoted (key) + " must be a list of 1 to " + std::to_string (max_count) +
          " integers from " + std::to_string (min) + " to " + std::to_string (max));
  return value->get<std::vector<int>> ();
}

int
ConfigReader::choice (const char *key, int fallback,
                      const std::vector<std::string> &choices) const
{
  if (!find (key))
    return fallback;
  const auto found = std::find (choices.begin (), choices.end (), text (key, ""));
  if (found == choices.end ())
    fail (quoted (key) + " must be one of " + json (choices).dump ());
  return static_cast<int> (found - choices.begin ());
}

ConfigReader
ConfigReader::object (const char *key) const
{
  const json *value = find (key);
  return ConfigReader (value ? *value : json::object (), file_);
}

} // namespace daetalker
