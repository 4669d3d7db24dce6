// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What this process has used so far.
#pragma once

namespace daetalker {

// Processor time of all threads, in seconds.
double process_cpu_seconds ();

// The most memory that was resident at a time, in MiB; 0 where /proc does not say.
double process_peak_memory_mib ();

} // namespace daetalker
