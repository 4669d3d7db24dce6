// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/placement.h"

#include "models/nn/precision.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <sched.h>
#include <torch/cuda.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
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
  const std::vector<std::string> gpus (devices.begin () + 1, devices.end ());
  const bool any = wanted == "auto" || wanted.empty ();
  if (!gpus.empty () && (any || wanted == "cuda"))
    return torch::Device (least_used (gpus));
  if (any)
    return torch::Device (devices[0]);
  if (std::find (devices.begin (), devices.end (), wanted) == devices.end ())
    throw Error (ErrorCode::no_device, "device " + wanted, "it does not exist here",
                 "Choose auto or one of: " + joined (devices));
  return torch::Device (wanted);
}

// How many renderers draw on each device.
struct Uses {
  std::mutex mutex;
  std::map<std::string, int> of;
};

Uses &
uses ()
{
  static Uses *all = new Uses; // streams may outlive static objects
  return *all;
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

DeviceUse::DeviceUse (const std::string &device) : device_ (device)
{
  const std::lock_guard<std::mutex> lock (uses ().mutex);
  uses ().of[device_]++;
}

DeviceUse::~DeviceUse ()
{
  const std::lock_guard<std::mutex> lock (uses ().mutex);
  uses ().of[device_]--;
}

std::string
least_used (const std::vector<std::string> &devices)
{
  const std::lock_guard<std::mutex> lock (uses ().mutex);
  return *std::min_element (devices.begin (), devices.end (),
                            [] (const std::string &one, const std::string &other) {
                              return uses ().of[one] < uses ().of[other];
                            });
}

Placement
choose_placement (const DeviceOptions &options)
{
  Placement placement;
  placement.device = choose_device (options.device);
  placement.type = choose_type (options.precision, placement.device);
  return placement;
}

Placement
placement_for_speech (const Placement &chosen, std::int64_t numbers)
{
  constexpr std::int64_t small = 16'000'000;
  if (chosen.device.is_cpu () || numbers > small)
    return chosen;
  const bool exact = chosen.type == torch::kFloat || !has_fast_bfloat16 ();
  return {torch::kCPU, exact ? torch::kFloat : torch::kBFloat16, 1};
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
  // Not all cores need be this process's: a container or taskset may keep some from it.
  cpu_set_t own;
  if (sched_getaffinity (0, sizeof own, &own) == 0)
    return std::max (CPU_COUNT (&own), 1);
  return int (std::max (std::thread::hardware_concurrency (), 1u));
}

Computation::Computation (const Placement &placement)
{
  // What is set for one thread is also what threads that begin later have.
  static const int of_the_first = at::get_num_threads ();
  const int asked = placement.threads > 0 ? placement.threads : int (thread_count);
  const int threads = asked > 0 ? asked : of_the_first;
  if (at::get_num_threads () != threads)
    at::set_num_threads (threads);
}

} // namespace daetalker
