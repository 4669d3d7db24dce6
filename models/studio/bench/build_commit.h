// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace daetalker {

// The git commit this was built from, with "-dirty" behind it where files had been
// changed; "unknown" outside git.
std::string build_commit ();

} // namespace daetalker
