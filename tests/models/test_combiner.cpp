// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/combiner.h"

#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <stdexcept>
#include <thread>

namespace daetalker {
namespace {

struct Request {
  int kind = 0;
  std::atomic<bool> given_up = false;
  int batch = 0; // size of the batch it was done in
  bool fits (const Request &other) const { return kind == other.kind; }
  bool unwanted () const { return given_up; }
};

class CombinerTest : public testing::Test {
protected:
  // On a thread; the batch waits for `open_gate`.
  std::future<bool> start (Request &request)
  {
    return std::async (std::launch::async, [this, &request] {
      return combiner.run (request, [this] (const std::vector<Request *> &batch) {
        batches++;
        gate.get_future ().wait ();
        gate = std::promise<void> ();
        for (Request *one : batch)
          one->batch = int (batch.size ());
      });
    });
  }

  // Without a gate.
  bool run (Request &request)
  {
    return combiner.run (request, [] (const std::vector<Request *> &batch) {
      for (Request *one : batch)
        one->batch = int (batch.size ());
    });
  }

  void wait_for_batch () const
  {
    while (batches == 0)
      std::this_thread::yield ();
  }

  Combiner<Request> combiner{16};
  std::promise<void> gate;
  std::atomic<int> batches = 0;
};

// Who does another's work could not leave it when its own is unwanted.
TEST (Combiner, EveryBatchIsDoneByOneOfIt)
{
  for (int round = 0; round < 20; round++) {
    Combiner<Request> combiner (16);
    Request requests[4];
    std::atomic<int> waiting = 0, strange = 0;
    std::vector<std::thread> threads;
    for (int kind = 0; kind < 4; kind++)
      threads.emplace_back ([&, kind] {
        requests[kind].kind = kind;
        waiting++;
        combiner.run (requests[kind], [&] (const std::vector<Request *> &batch) {
          while (waiting < 4)
            std::this_thread::yield ();
          std::this_thread::sleep_for (std::chrono::milliseconds (1));
          strange += batch.front () != &requests[kind];
        });
      });
    for (std::thread &thread : threads)
      thread.join ();
    EXPECT_EQ (strange, 0);
  }
}

TEST_F (CombinerTest, WhoeverComesAloneGoesAtOnce)
{
  Request request;
  EXPECT_TRUE (run (request));
  EXPECT_EQ (request.batch, 1);
}

TEST_F (CombinerTest, WhatNobodyWaitsForLeavesTheQueue)
{
  Request slow, waiting;
  auto first = start (slow);
  wait_for_batch ();
  auto second = std::async (std::launch::async, [&] { return run (waiting); });
  EXPECT_EQ (second.wait_for (std::chrono::milliseconds (50)),
             std::future_status::timeout);
  waiting.given_up = true;
  EXPECT_FALSE (second.get ()); // while the first is still under way
  EXPECT_EQ (waiting.batch, 0);
  slow.given_up = true; // it is under way: whoever does the work decides
  EXPECT_EQ (first.wait_for (std::chrono::milliseconds (50)),
             std::future_status::timeout);
  gate.set_value ();
  EXPECT_TRUE (first.get ());
  Request last;
  EXPECT_TRUE (run (last));
}

TEST_F (CombinerTest, AnErrorReachesWhoeverAsked)
{
  Request request;
  EXPECT_THROW (combiner.run (request,
                              [] (const std::vector<Request *> &) {
                                throw std::runtime_error ("no");
                              }),
                std::runtime_error);
  EXPECT_TRUE (run (request)); // and nobody after
}

} // namespace
} // namespace daetalker
