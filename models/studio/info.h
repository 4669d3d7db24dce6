// SPDX-License-Identifier: LGPL-2.1-or-later
//
// `daetalker info`: what is here, what works, and why something does not.
#pragma once

#include <string>
#include <vector>

namespace daetalker {

// One thing that was looked at.
struct Finding {
  std::string subject; // "device", "avatar grid-s1", "x264enc"
  std::string text;    // what was found; of a failure: reason and remedy
  bool works = true;
};

std::vector<Finding> inspect_installation ();

} // namespace daetalker
