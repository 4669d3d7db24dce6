// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace daetalker {

std::string torch_version ();
std::string onednn_version (); // as LibTorch was built with it

} // namespace daetalker
