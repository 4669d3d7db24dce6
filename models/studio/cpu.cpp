// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/cpu.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <thread>

namespace daetalker {

namespace {

std::vector<std::string>
useful_features (const std::string &flags)
{
  std::istringstream words (flags);
  const std::set<std::string> present (std::istream_iterator<std::string>{words}, {});
  std::vector<std::string> found;
  for (const char *feature : {"avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile",
                              "amx_bf16", "asimd", "sve", "bf16"})
    if (present.count (feature))
      found.push_back (feature);
  return found;
}

} // namespace

Cpu
read_cpu ()
{
  Cpu cpu;
  cpu.cores = std::thread::hardware_concurrency ();
  std::ifstream file ("/proc/cpuinfo");
  for (std::string line; std::getline (file, line);) {
    const std::string value = line.substr (std::min (line.size (), line.find (':') + 2));
    if (line.rfind ("model name", 0) == 0)
      cpu.model = value;
    // On ARM they are called features.
    else if (line.rfind ("flags", 0) == 0 || line.rfind ("Features", 0) == 0)
      cpu.features = useful_features (value);
  }
  return cpu;
}

} // namespace daetalker
