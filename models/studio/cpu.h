// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The machine's processor, as Linux describes it.
#pragma once

#include <string>
#include <vector>

namespace daetalker {

struct Cpu {
  std::string model = "unknown model";
  unsigned cores = 0;                // that this process may see
  std::vector<std::string> features; // vector extensions that the networks can use
};

Cpu read_cpu ();

} // namespace daetalker
