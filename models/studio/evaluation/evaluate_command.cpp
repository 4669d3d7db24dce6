// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/io/files.h"
#include "models/studio/command.h"
#include "models/studio/evaluation/evaluate.h"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>

namespace daetalker {

namespace {

void
print (const nlohmann::json &report)
{
  std::printf ("%zu clips\n", report["clips"].size ());
  const std::vector<std::string> parts = {"real",      "mean_frame",     "nearest_frame",
                                          "reencoded", "reconstruction", "speech"};
  std::set<std::string> names;
  std::printf ("%-28s", "");
  for (const std::string &part : parts) {
    std::printf (" %14s", part.c_str ());
    for (const auto &item : report[part].items ())
      names.insert (item.key ());
  }
  std::printf ("\n");
  for (const std::string &name : names) {
    std::printf ("%-28s", name.c_str ());
    for (const std::string &part : parts)
      if (report[part].contains (name))
        std::printf (" %14.3f", report[part][name].get<double> ());
      else
        std::printf (" %14s", "");
    std::printf ("\n");
  }
}

} // namespace

void
add_evaluate_command (CLI::App &app)
{
  auto options = std::make_shared<EvaluationOptions> ();
  CLI::App *command =
      app.add_subcommand ("evaluate", "Measure an avatar beside clips it has not seen");
  command->add_option ("avatar", options->avatar, "Folder or name of an avatar")
      ->required ();
  command->add_option ("--dataset", options->dataset, "Folder that `prepare` wrote")
      ->required ()
      ->check (CLI::ExistingDirectory);
  command->add_option ("--held-out", options->clips,
                       "Names of clips, or a file of names (default: those that the "
                       "avatar's training held out)");
  command
      ->add_option ("--alignments", options->alignments,
                    "Folder of NAME.align, when each word is spoken (GRID's form)")
      ->check (CLI::ExistingDirectory);
  command
      ->add_option ("-o,--output", options->output,
                    "Folder for report.json, frames.png and side-by-side.mkv (real, "
                    "reconstructed, spoken)")
      ->required ();
  command
      ->add_option ("--many-steps-frames", options->many_steps_frames,
                    "Frames that are also rendered with 100 steps; 0: none")
      ->check (CLI::Range (0, 10000))
      ->capture_default_str ();
  command
      ->add_option ("--footage-frames", options->footage_frames,
                    "Frames of the training's footage, to find the nearest in; 0: none")
      ->check (CLI::Range (0, 1000000))
      ->capture_default_str ();
  command->add_flag ("--allow-unconsented", options->allow_unconsented,
                     "Measure an avatar that holds no consent record");
  command->callback ([options] {
    if (options->clips.size () == 1 &&
        std::filesystem::is_regular_file (options->clips[0]))
      options->clips = read_words (options->clips[0]);
    print (evaluate_avatar (*options));
  });
}

} // namespace daetalker
