// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a training run leaves behind: a line of JSON per report, the same for TensorBoard
// and as a picture of curves, and one line on the terminal with the time that is left.
#pragma once

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "models/studio/training/tensorboard.h"

namespace daetalker {

class TrainLog {
public:
  // In the folder `work`: appends to STAGE.jsonl, adds an event file to tensorboard/STAGE,
  // and draws STAGE-curves.png now and then.
  TrainLog (const std::string &work, const std::string &stage);

  // One line, with the wall-clock time added.  "step" and "minutes" say where the run
  // stands; the other numbers become curves.
  void write (nlohmann::json entry);

  // On stderr; overwrites itself on a terminal.
  void progress (const std::string &stage, double minutes, double of_minutes,
                 const std::vector<std::pair<std::string, double>> &figures);

private:
  using Clock = std::chrono::steady_clock;

  const std::string curves_;
  std::vector<nlohmann::json> entries_;
  std::ofstream file_;
  TensorBoard tensorboard_;
  Clock::time_point drawn_ = Clock::now () - std::chrono::hours (1);
};

} // namespace daetalker
