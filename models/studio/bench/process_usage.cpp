// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/bench/process_usage.h"

#include <cstdio>
#include <fstream>
#include <string>
#include <sys/resource.h>

namespace daetalker {

double
process_cpu_seconds ()
{
  struct rusage usage = {};
  getrusage (RUSAGE_SELF, &usage);
  const auto seconds = [] (const timeval &time) {
    return double (time.tv_sec) + double (time.tv_usec) * 1e-6;
  };
  return seconds (usage.ru_utime) + seconds (usage.ru_stime);
}

double
process_peak_memory_mib ()
{
  std::ifstream file ("/proc/self/status");
  long kib = 0;
  for (std::string line; std::getline (file, line);)
    if (std::sscanf (line.c_str (), "VmHWM: %ld kB", &kib) == 1)
      break;
  return double (kib) / 1024;
}

} // namespace daetalker
