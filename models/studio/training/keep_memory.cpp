// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/keep_memory.h"

#include <malloc.h>

namespace daetalker {

void
keep_memory ()
{
#ifdef __GLIBC__
  mallopt (M_MMAP_MAX, 0);
  mallopt (M_TRIM_THRESHOLD, -1);
#endif
}

} // namespace daetalker
