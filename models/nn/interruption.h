// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A way out of a network's long forward pass.  Networks name the points between their
// layers; whoever runs one may ask to leave it there.
#pragma once

#include "models/engine.h"

namespace daetalker {

// Thrown by interruption_point (); nothing of the pass is left.
struct Interrupted {};

// While it lives, passes of this thread end when `stop` says so.
class Interruptible {
public:
  explicit Interruptible (const Stop &stop);
  ~Interruptible ();
  Interruptible (const Interruptible &) = delete;
  Interruptible &operator= (const Interruptible &) = delete;

private:
  const Stop *before_;
};

void interruption_point ();

} // namespace daetalker
