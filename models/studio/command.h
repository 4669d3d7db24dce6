// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The subcommands of `daetalker`: each adds itself to the command line and runs
// when it is chosen.
#pragma once

#include <CLI/CLI.hpp>

namespace daetalker {

void add_bench_command (CLI::App &app);
void add_evaluate_command (CLI::App &app);
void add_info_command (CLI::App &app);
void add_prepare_command (CLI::App &app);
void add_render_command (CLI::App &app);
void add_train_command (CLI::App &app);
void add_train_encoder_command (CLI::App &app);

} // namespace daetalker
