// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/command.h"
#include "models/studio/info.h"

#include <cstdio>

namespace daetalker {

void
add_info_command (CLI::App &app)
{
  CLI::App *command =
      app.add_subcommand ("info", "Say what works here, and why something does "
                                  "not");
  command->callback ([] {
    for (const Finding &finding : inspect_installation ())
      std::printf ("%-3s %-16s %s\n", finding.works ? "ok" : "NO",
                   finding.subject.c_str (), finding.text.c_str ());
  });
}

} // namespace daetalker
