// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Where networks run and in which precision.
#pragma once

#include "models/engine.h"

#include <c10/core/InferenceMode.h>
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace daetalker {

struct Placement {
  torch::Device device = torch::kCPU;
  torch::ScalarType type = torch::kFloat; // of the heavy layers
  int threads = 0;                        // of a computation; 0: the engine's

  std::string device_name () const;    // "cpu", "cuda:0"
  std::string precision_name () const; // "float32", "bfloat16", "float16"
};

// "cpu", then "cuda:0" ... as far as they exist.
std::vector<std::string> available_devices ();

// A renderer that draws on `device`, for as long as it lives.
class DeviceUse {
public:
  explicit DeviceUse (const std::string &device);
  ~DeviceUse ();
  DeviceUse (const DeviceUse &) = delete;
  DeviceUse &operator= (const DeviceUse &) = delete;

private:
  const std::string device_;
};

// The first of those that the fewest renderers draw on.
std::string least_used (const std::vector<std::string> &devices);

// auto takes the least used CUDA device, else the CPU, cuda the former; and bfloat16
// where the device is quick in it, else float32.  Throws Error (no_device) that lists
// what there is.
Placement choose_placement (const DeviceOptions &options);

// Where a network that is asked every few frames runs if its avatar is at `chosen` and it
// holds so many numbers: a small one beside a GPU on the CPU, on one thread, which is as
// quick as to ask the GPU for all its operations and leaves that to the pictures.
Placement placement_for_speech (const Placement &chosen, std::int64_t numbers);

// The number of threads of the whole engine, OpenBLAS's too, from now on; 0 = one per
// core unless another number was asked for before.
void set_thread_count (int threads);

// Computations that may run at the same time, each on one thread: as many as were asked
// for, by OMP_NUM_THREADS if not here, or one per core that the process may use.
int thread_limit ();

// For one call into LibTorch: no gradients, and the placement's number of threads on
// whichever thread calls (OpenMP keeps it per thread).
class Computation {
public:
  explicit Computation (const Placement &placement = {});

private:
  c10::InferenceMode inference_;
};

} // namespace daetalker
