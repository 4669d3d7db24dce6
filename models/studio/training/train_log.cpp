// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/train_log.h"

#include "models/engine.h"

#include <ctime>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <unistd.h>

namespace daetalker {

TrainLog::TrainLog (const std::string &path) : file_ (path, std::ios::app)
{
  if (!file_)
    throw Error (ErrorCode::unreadable, path, "the log cannot be written",
                 "Check the folder's permissions and the free space");
}

void
TrainLog::write (nlohmann::json entry)
{
  entry["time"] = std::time (nullptr);
  file_ << entry.dump () << std::endl;
}

void
TrainLog::progress (const std::string &stage, double minutes, double of_minutes,
                    const std::vector<std::pair<std::string, double>> &figures)
{
  std::ostringstream line;
  double share = of_minutes > 0 ? std::min (1.0, minutes / of_minutes) : 1;
  constexpr int width = 24;
  int filled = int (share * width);
  line << stage << " [" << std::string (filled, '#') << std::string (width - filled, '.')
       << "] " << std::fixed << std::setprecision (1)
       << std::max (0.0, of_minutes - minutes) << " min left";
  for (const auto &[name, value] : figures)
    line << "  " << name << " " << std::setprecision (4) << value;
  bool terminal = isatty (STDERR_FILENO);
  std::cerr << (terminal ? "\r" : "") << line.str () << (terminal ? "\033[K" : "\n")
            << std::flush;
}

} // namespace daetalker
