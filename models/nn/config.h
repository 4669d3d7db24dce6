// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Reading of network configurations: every number is checked for type and
// range, so that no file makes a network of absurd size.  Free of LibTorch.
#pragma once

#include "models/engine.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

namespace daetalker {

// A JSON object with the file that it came from, for error messages.
class ConfigReader {
public:
  // Throws Error(corrupt) if `object` is not a JSON object.
  ConfigReader (const nlohmann::json &object, std::string file);

  bool has (const char *key) const;

  // The integer at `key`, or `fallback` where the key is absent or null.
  // Throws Error(corrupt) for another type or a value outside [min, max].
  int integer (const char *key, int fallback, int min, int max) const;
  // Likewise, real numbers.
  double real (const char *key, double fallback, double min, double max) const;
  bool boolean (const char *key, bool fallback) const;
  std::string text (const char *key, const std::string &fallback) const;
  // `max_count` bounds the length of the list; each element lies in [min, max].
  std::vector<int> integers (const char *key, const std::vector<int> &fallback, int min,
                             int max, std::size_t max_count) const;
  // The position of the text at `key` in `choices`.
  int choice (const char *key, int fallback,
              const std::vector<std::string> &choices) const;
  // The object at `key`; an empty one where the key is absent.
  ConfigReader object (const char *key) const;

  [[noreturn]] void fail (const std::string &reason) const;

private:
  const nlohmann::json *find (const char *key) const;

  nlohmann::json object_;
  std::string file_;
};

} // namespace daetalker
