// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a training run leaves behind: a line of JSON per report, and one line on the
// terminal with the time that is left.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace daetalker {

class TrainLog {
public:
  // Appends to `path`.
  explicit TrainLog (const std::string &path);

  // One line, with the wall-clock time added.
  void write (nlohmann::json entry);

  // On stderr; overwrites itself on a terminal.
  void progress (const std::string &stage, double minutes, double of_minutes,
                 const std::vector<std::pair<std::string, double>> &figures);

private:
  std::ofstream file_;
};

} // namespace daetalker
