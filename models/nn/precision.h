// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace daetalker {

// Whether convolutions in bfloat16 beat float32 here: on AVX-512 BF16, which every
// machine with AMX has too.
inline bool
has_fast_bfloat16 ()
{
#if defined(__x86_64__)
  return __builtin_cpu_supports ("avx512bf16");
#else
  return false;
#endif
}

} // namespace daetalker
