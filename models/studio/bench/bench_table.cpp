// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/bench/bench.h"

#include <cstdio>
#include <utility>
#include <vector>

namespace daetalker {

namespace {

using nlohmann::json;

constexpr int name_width = 26;

class Table {
public:
  void line (const std::string &words = "") { text_ += words + "\n"; }

  void row (const std::string &name, const std::vector<std::string> &cells)
  {
    char cell[64];
    std::snprintf (cell, sizeof cell, "%-*s", name_width, name.c_str ());
    text_ += cell;
    for (const std::string &words : cells) {
      std::snprintf (cell, sizeof cell, " %10s", words.c_str ());
      text_ += cell;
    }
    line ();
  }

  // Right of the first column, with what it is counted in.
  void row (const std::string &name, double value, int decimals, const std::string &unit)
  {
    row (name, {number (value, decimals)});
    if (!unit.empty ())
      text_.insert (text_.size () - 1, " " + unit);
  }

  static std::string number (double value, int decimals)
  {
    char words[64];
    std::snprintf (words, sizeof words, "%.*f", decimals, value);
    return words;
  }

  const std::string &text () const { return text_; }

private:
  std::string text_;
};

std::string
counted (int number, const std::string &what)
{
  return std::to_string (number) + " " + what + (number == 1 ? "" : "s");
}

void
add_heading (Table &table, const json &figures)
{
  const json &software = figures["software"], &machine = figures["machine"],
             &settings = figures["settings"], &pipeline = figures["pipeline"];
  const auto words = [] (const json &value) {
    return value.get<std::string> ();
  };
  table.line ("daetalker " + words (software["daetalker"]) + " (" +
              words (software["commit"]) + "), LibTorch " + words (software["libtorch"]));
  std::string features;
  for (const json &feature : machine["features"])
    features += " " + words (feature);
  table.line (words (machine["cpu"]) + ", " + counted (machine["cores"], "core") +
              (features.empty () ? "" : ":") + features);
  table.line (words (settings["avatar"]) + ", " + counted (settings["steps"], "step"));
  table.line (words (pipeline["device"]) + ", " + words (pipeline["precision"]) + ", " +
              counted (settings["threads"], "thread"));
}

void
add_pipeline (Table &table, const json &pipeline, const std::string &audio)
{
  table.line ();
  table.line ("Speech to face, " + (audio.empty () ? "made speech" : audio) + ", " +
              Table::number (pipeline["seconds"], 1) + " s");
  table.row ("frames", pipeline["frames"], 0, "");
  table.row ("frames a second", pipeline["frames_per_second"], 1, "");
  table.row ("real-time factor", pipeline["real_time_factor"], 3,
             "s for a second of speech");
  table.row ("first frame after", pipeline["first_frame_ms"], 1, "ms");
  table.row ("processor time", pipeline["cpu_ms_per_frame"], 1, "ms a frame");
  table.row ("peak memory", pipeline["peak_memory_mib"], 0, "MiB");
  table.row ("loading", pipeline["load_seconds"], 2, "s");
  table.line ();
  table.row ("ms", {"p50", "p95", "p99"});
  const int chunk = pipeline["chunk_frames"];
  const std::pair<const char *, std::string> stages[] = {
      {"features", chunk > 0 ? "features, chunk of " + std::to_string (chunk)
                             : "features, all at once"},
      {"latents", "latents, frame"},
      {"render", "render, frame"}};
  for (const auto &[key, name] : stages) {
    std::vector<std::string> cells;
    for (const char *share : {"p50_ms", "p95_ms", "p99_ms"})
      cells.push_back (Table::number (pipeline[key][share], 2));
    table.row (name, cells);
  }
}

void
add_live (Table &table, const json &live)
{
  table.line ();
  table.line ("Live, " + Table::number (live["seconds"], 0) + " s");
  table.row ("frames shown", live["frames"], 0, "");
  table.row ("frames late", live["late"], 0, "");
  table.row ("frames missing", live["missing"], 0, "");
  table.row ("processor time", 100 * live["cores"].get<double> (), 0, "% of a core");
  table.row ("latency, as answered", live["latency_ms"], 1, "ms");
  if (live.contains ("onset_p50_ms")) {
    table.row ("sound to face, p50", live["onset_p50_ms"], 1, "ms");
    table.row ("sound to face, most", live["onset_most_ms"], 1, "ms");
  }
  table.row ("sounds without a change", live["onsets_unseen"], 0,
             "of " + std::to_string (live["onsets"].get<int> () +
                                     live["onsets_unseen"].get<int> ()));
}

void
add_streams (Table &table, const json &streams)
{
  table.line ();
  table.row ("streams at once", {"frames/s", "each", "MiB"});
  for (const json &row : streams)
    table.row (std::to_string (row["streams"].get<int> ()),
               {Table::number (row["frames_per_second"], 1),
                Table::number (row["frames_per_second_each"], 1),
                Table::number (row["peak_memory_mib"], 0)});
}

void
add_evaluation (Table &table, const std::string &name, const json &time)
{
  table.row (name, {Table::number (time["gflop"], 2), Table::number (time["ms"], 2),
                    Table::number (time["gflop_per_s"], 1)});
}

} // namespace

std::string
bench_table (const json &figures)
{
  Table table;
  add_heading (table, figures);
  add_pipeline (table, figures["pipeline"], figures["settings"]["audio"]);
  if (figures.contains ("live"))
    add_live (table, figures["live"]);
  if (figures.contains ("streams"))
    add_streams (table, figures["streams"]);
  if (figures.contains ("ffhq256") || figures.contains ("peak")) {
    table.line ();
    table.row ("one evaluation", {"GFLOP", "ms", "GFLOP/s"});
  }
  if (figures.contains ("ffhq256"))
    for (const auto &[precision, time] : figures["ffhq256"].items ())
      add_evaluation (table, "ffhq256, " + precision, time);
  if (figures.contains ("peak")) {
    const json &peak = figures["peak"];
    const std::string precision = peak["precision"];
    add_evaluation (table, "renderer, " + precision, peak["renderer"]);
    add_evaluation (table, "peak, " + precision, peak["convolution"]);
    table.row ("renderer's share", 100 * peak["share"].get<double> (), 1,
               "% of the peak, a 3x3 convolution of " +
                   peak["convolution"]["shape"].get<std::string> ());
  }
  return table.text ();
}

} // namespace daetalker
