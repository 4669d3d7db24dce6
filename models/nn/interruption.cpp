// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/interruption.h"

namespace daetalker {

static thread_local const Stop *current = nullptr;

Interruptible::Interruptible (const Stop &stop) : before_ (current)
{
  current = &stop;
}

Interruptible::~Interruptible ()
{
  current = before_;
}

void
interruption_point ()
{
  if (current && *current && (*current) ())
    throw Interrupted ();
}

} // namespace daetalker
