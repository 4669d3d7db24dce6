// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/workers.h"

#include "models/studio/progress.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace daetalker {

void
run_parallel (const std::string &what, std::size_t count, int threads,
              const std::function<void (std::size_t)> &job)
{
  Progress progress (what, count);
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        job (i);
        progress.add ();
      } catch (...) {
        std::lock_guard<std::mutex> lock (mutex);
        if (!failure)
          failure = std::current_exception ();
        next = count;
      }
    }
  };
  const std::size_t cores = std::max (1u, std::thread::hardware_concurrency ());
  const std::size_t size = std::min (count, threads > 0 ? std::size_t (threads) : cores);
  std::vector<std::thread> pool;
  for (std::size_t i = 0; i < size; ++i)
    pool.emplace_back (work);
  for (std::thread &thread : pool)
    thread.join ();
  if (failure)
    std::rethrow_exception (failure);
}

} // namespace daetalker
