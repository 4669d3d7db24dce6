// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/train_log.h"

#include "models/engine.h"
#include "models/studio/training/contact_sheet.h"
#include "models/studio/training/curves.h"

#include <ctime>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <unistd.h>

namespace daetalker {

// A line that a killed run left half written is passed over.
static std::vector<nlohmann::json>
read_entries (const std::string &path)
{
  std::vector<nlohmann::json> entries;
  std::ifstream file (path);
  for (std::string line; std::getline (file, line);)
    if (nlohmann::json entry = nlohmann::json::parse (line, nullptr, false);
        entry.is_object ())
      entries.push_back (std::move (entry));
  return entries;
}

TrainLog::TrainLog (const std::string &work, const std::string &stage)
    : curves_ (work + "/" + stage + "-curves.png"),
      entries_ (read_entries (work + "/" + stage + ".jsonl")),
      file_ (work + "/" + stage + ".jsonl", std::ios::app),
      tensorboard_ (work + "/tensorboard/" + stage)
{
  if (!file_)
    throw Error (ErrorCode::unreadable, work + "/" + stage + ".jsonl",
                 "the log cannot be written",
                 "Check the folder's permissions and the free space");
}

void
TrainLog::write (nlohmann::json entry)
{
  entry["time"] = std::time (nullptr);
  file_ << entry.dump () << std::endl;

  std::map<std::string, double> scalars;
  for (const auto &[name, value] : entry.items ())
    if (value.is_number () && name != "step" && name != "time")
      scalars[name] = value.get<double> ();
  tensorboard_.write (entry.value ("step", std::int64_t (0)), scalars);

  entries_.push_back (std::move (entry));
  if (Clock::now () - drawn_ < std::chrono::minutes (1))
    return;
  if (const cv::Mat curves = draw_curves (entries_); !curves.empty ())
    write_picture (curves_, curves);
  drawn_ = Clock::now ();
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
