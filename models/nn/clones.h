// SPDX-License-Identifier: LGPL-2.1-or-later
//
// For plain, branch-free loops that the compiler vectorises: one clone of a function for
// each kind of machine, chosen when the library is loaded.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define DAETALKER_CLONES                                                                 \
  __attribute__ ((target_clones ("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DAETALKER_CLONES
#endif
// Across the clones' borders the compiler does not inline by itself.
#define DAETALKER_ALWAYS __attribute__ ((always_inline)) // of a lambda
#define DAETALKER_INLINE inline DAETALKER_ALWAYS
