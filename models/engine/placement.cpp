// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/placement.h"

#include "models/nn/precision.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <torch/cuda.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>

namespace daetalker {
namespace {

std::atomic<int> thread_count{0}; // 0: as LibTorch chooses

// LibTorch does not tell OpenBLAS, whose threads look for work all the time while there
// is none: a core's worth.
void
set_blas_threads (int threads)
{
  using Set = void (*) (int);
  static const Set set = [] {
    void *library = dlopen ("libopenblas.so.0", RTLD_LAZY | RTLD_NOLOAD);
    return library ? reinterpret_cast<Set> (dlsym (library, "openblas_set_num_threads"))
                   : nullptr;
  }();
  if (set)
    set (threads);
}

std::string
joined (const std::vector<std::string> &words)
{
  std::string text;
  for (const std::string &word : words)
    text += (text.empty () ? "" : ", ") + word;
  return text;
}

torch::Device
choose_device (const std::string &wanted)
{
  const std::vector<std::string> devices = available_devices ();
  if (wanted == "auto" || wanted.empty ())
    return torch::Device (devices.size () > 1 ? devices[1] : devices[0]);
  const std::string name = wanted == "cuda" ? "cuda:0" : wanted;
  if (std::find (devices.begin (), devices.end (), name) == devices.end ())
    throw Error (ErrorCode::no_device, "device " + wanted, "it does not exist here",
                 "Choose auto or one of: " + joined (devices));
  return torch::Device (name);
}

torch::ScalarType
choose_type (const std::string &wanted, const torch::Device &device)
{
  const bool on_cpu = device.is_cpu ();
  if (wanted == "auto" || wanted.empty ())
    return !on_cpu || has_fast_bfloat16 () ? torch::kBFloat16 : torch::kFloat;
  if (wanted == "float32")
    return torch::kFloat;
  if (wanted == "bfloat16")
    return torch::kBFloat16;
  if (wanted == "float16" && !on_cpu)
    return torch::kHalf;
  throw Error (ErrorCode::no_device, "precision " + wanted,
               "the device " + device.str () + " does not compute in it",
               std::string ("Choose auto, float32") +
                   (on_cpu ? " or bfloat16" : ", bfloat16 or float16"));
}

} // namespace

std::string
Placement::device_name () const
{
  return device.str ();
}

std::string
Placement::precision_name () const
{
  return type == torch::kFloat      ? "float32"
         : type == torch::kBFloat16 ? "bfloat16"
                                    : "float16";
}

std::vector<std::string>
available_devices ()
{
  std::vector<std::string> devices = {"cpu"};
  if (torch::cuda::is_available ())
    for (std::size_t i = 0; i < std::size_t (torch::cuda::device_count ()); i++)
      devices.push_back ("cuda:" + std::to_string (i));
  return devices;
}

Placement
choose_placement (const DeviceOptions &options)
{
  Placement placement;
  placement.device = choose_device (options.device);
  placement.type = choose_type (options.precision, placement.device);
  return placement;
}

void
set_thread_count (int threads)
{
  if (threads > 0)
    thread_count = threads;
  set_blas_threads (thread_count > 0 ? int (thread_count) : at::get_num_threads ());
}

int
thread_limit ()
{
  const int threads = thread_count;
  if (threads > 0)
    return threads;
  if (std::getenv ("OMP_NUM_THREADS") != nullptr) // jobs are limited by it
    return at::get_num_threads ();
  return int (std::max (std::thread::hardware_concurrency (), 1u));
}

Computation::Computation ()
{
  const int threads = thread_count;
  if (threads > 0 && at::get_num_threads () != threads)
    at::set_num_threads (threads);
}

} // namespace daetalker
