// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Where networks run and in which precision.
#pragma once

#include "models/engine.h"

#include <c10/core/InferenceMode.h>
#include <torch/types.h>

#include <string>
#include <vector>

namespace daetalker {

struct Placement {
  torch::Device device = torch::kCPU;
  torch::ScalarType type = torch::kFloat; // of the heavy layers

  std::string device_name () const;    // "cpu", "cuda:0"
  std::string precision_name () const; // "float32", "bfloat16", "float16"
};

// "cpu", then "cuda:0" ... as far as they exist.
std::vector<std::string> available_devices ();

// auto takes the first CUDA device, else the CPU; and bfloat16 where the device is
// quick in it, else float32.  Throws Error (no_device) that lists what there is.
Placement choose_placement (const DeviceOptions &options);

// The number of threads of the whole engine, OpenBLAS's too, from now on; 0 = one per
// core unless another number was asked for before.
void set_thread_count (int threads);

// Computations that may run at the same time, each on one thread: as many as were asked
// for, by OMP_NUM_THREADS if not here, or one per core.
int thread_limit ();

// For one call into LibTorch: no gradients, and the engine's number of threads on
// whichever thread calls (OpenMP keeps it per thread).
class Computation {
public:
  Computation ();

private:
  c10::InferenceMode inference_;
};

} // namespace daetalker
