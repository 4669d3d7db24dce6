// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Where avatars are looked for: the folders of DAETALKER_AVATAR_PATH, then the
// installed ones.  The elements do the same.
#pragma once

#include <string>
#include <vector>

namespace daetalker {

std::vector<std::string> avatar_places ();

// The folder of the avatar `name` (a folder, a name, or empty for the one that
// ships); empty if there is none.
std::string find_avatar (const std::string &name);

// The same.  Throws Error (not_found) that names the places if there is none.
std::string require_avatar (const std::string &name);

} // namespace daetalker
