// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/torch_engine.h"

daetalker::Engine *
daetalker_engine_create (int abi)
{
  return abi == daetalker::engine_abi ? &daetalker::torch_engine () : nullptr;
}
