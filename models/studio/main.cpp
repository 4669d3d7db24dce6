// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The command `daetalker`: exit status 0, 1 for an error, 2 for wrong usage.
#include "models/engine.h"
#include "models/studio/command.h"

#include <cstdio>
#include <gst/gst.h>

int
main (int argc, char **argv)
{
  gst_init (nullptr, nullptr);
  CLI::App app ("Make and use talking-face avatars", "daetalker");
  app.set_version_flag ("--version", "daetalker " DAETALKER_VERSION);
  app.require_subcommand (1);
  daetalker::add_prepare_command (app);
  daetalker::add_train_command (app);
  daetalker::add_train_encoder_command (app);
  daetalker::add_render_command (app);
  daetalker::add_evaluate_command (app);
  daetalker::add_bench_command (app);
  daetalker::add_info_command (app);
  try {
    app.parse (argc, argv);
    return 0;
  } catch (const CLI::ParseError &error) {
    return app.exit (error) == 0 ? 0 : 2;
  } catch (const std::exception &error) {
    std::fprintf (stderr, "daetalker: %s\n", error.what ());
    return 1;
  }
}
