// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/engine.h"

namespace daetalker {

// The engine of this process.  The studio links it; elements get it through
// daetalker_engine_create.
Engine &torch_engine ();

} // namespace daetalker
