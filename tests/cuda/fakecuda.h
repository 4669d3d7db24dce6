// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A driver without a GPU: a libcuda.so.1 whose devices are this process's memory.  It
// counts what is alive and notes every call that a real driver would punish: memory used
// in another context than its own, a copy that leaves its allocation, a context that is
// popped by whoever did not push it.  Loaded by name, so its own functions are too.
#pragma once

#include <cstddef>

constexpr int fake_cuda_devices = 2;

struct FakeCudaCounts {
  int contexts = 0;       // alive, made by cuCtxCreate
  int primary_holds = 0;  // cuDevicePrimaryCtxRetain less ...Release, of all devices
  int memory = 0;         // allocations alive, on devices and page-locked
  int streams = 0;        // alive
  int pushed = 0;         // pushes less pops, of all threads
  int copies = 0;         // within a context, up and down included, so far
  int peer_copies = 0;    // from context to context, so far
  int faults = 0;         // see above, so far
  const char *fault = ""; // the last one
};

using FakeCudaGetCounts = FakeCudaCounts (*) ();      // fake_cuda_counts
using FakeCudaLose = void (*) (int calls);            // fake_cuda_lose
using FakeCudaOwner = void *(*)(const void *address); // fake_cuda_owner
using FakeCudaPrimary = void *(*)(int device);        // fake_cuda_primary

// fake_cuda_counts: as they are.
// fake_cuda_lose: after so many calls more all fail as after an Xid error, but for what
//   gives something back; -1: none fail.
// fake_cuda_owner: the CUcontext whose memory `address` lies in; nullptr if none.
// fake_cuda_primary: the primary CUcontext of `device`; nullptr while nobody holds it.
extern "C" {
FakeCudaCounts fake_cuda_counts ();
void fake_cuda_lose (int calls);
void *fake_cuda_owner (const void *address);
void *fake_cuda_primary (int device);
}
