// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace daetalker {

// From here on the process keeps what memory it frees.  A step of training makes and
// drops the same large tensors as the one before: fetched from the system each time,
// their pages are cleared each time, a sixth of the step.
void keep_memory ();

} // namespace daetalker
