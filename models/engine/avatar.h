// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Avatars of engine.h on LibTorch.
#pragma once

#include "models/engine.h"
#include "models/engine/placement.h"
#include "models/io/bundle.h"

#include <functional>
#include <memory>

namespace daetalker {

// Opens the speech encoder of a bundle; called when it is first asked for.
using OpenEncoder = std::function<std::shared_ptr<SpeechEncoder> (const Bundle &)>;

// Verifies the files of `bundle` and loads its networks.  Throws Error: corrupt,
// wrong_model, no_memory.
std::shared_ptr<Avatar> load_avatar (const Bundle &bundle, const Placement &placement,
                                     OpenEncoder open_encoder);

} // namespace daetalker
