// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/command.h"
#include "models/studio/render.h"

#include <memory>
#include <stdexcept>

namespace daetalker {

void
add_render_command (CLI::App &app)
{
  auto options = std::make_shared<RenderOptions> ();
  auto shard = std::make_shared<std::string> ("0/1");
  CLI::App *command =
      app.add_subcommand ("render", "Render sound files to talking-face videos");
  command->add_option ("audio", options->audio, "Sound files")->required ();
  command->add_option ("-o,--output", options->output, "Folder for the videos")
      ->required ();
  command->add_option ("--avatar", options->avatar,
                       "Folder or name of an avatar (default: the one that ships)");
  command->add_option ("--steps", options->steps, "DDIM evaluations for each frame")
      ->check (CLI::Range (1, 1000))
      ->capture_default_str ();
  command
      ->add_option ("--shard", *shard,
                    "i/n: of every n files only the i-th (from 0), for job arrays")
      ->check ([] (const std::string &text) {
        try {
          parse_shard (text);
          return std::string ();
        } catch (const std::invalid_argument &error) {
          return std::string (error.what ());
        }
      })
      ->capture_default_str ();
  command->add_flag ("--allow-unconsented", options->allow_unconsented,
                     "Use an avatar that holds no consent record");
  command->callback ([options, shard] {
    options->shard = parse_shard (*shard);
    render_audio (*options);
  });
}

} // namespace daetalker
