// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A list of independent jobs on a few threads, with progress.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace daetalker {

// Calls job(0) ... job(count - 1), `threads` at a time (0 = one per core).  The
// first exception stops the starting of jobs and is thrown when the running ones
// have ended.
void run_parallel (const std::string &what, std::size_t count, int threads,
                   const std::function<void (std::size_t)> &job);

} // namespace daetalker
