// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The processes that train together, on one host or on several: each computes the
// gradient of its part of the batch, and all take the same step by the mean of them
// (data-parallel training; c10d, the engine room of torch.distributed).
#pragma once

#include <functional>
#include <memory>
#include <torch/types.h>
#include <vector>

namespace daetalker {

class Workers {
public:
  virtual ~Workers () = default;
  virtual int rank () const = 0;
  virtual int size () const = 0;

  // These three are called by all processes, in the same order.
  // Each tensor becomes its mean over the processes.
  virtual void average (const std::vector<torch::Tensor> &tensors) = 0;
  // Each tensor becomes the first process's.
  virtual void share (const std::vector<torch::Tensor> &tensors) = 0;
  virtual void wait_for_all () = 0;

  bool is_first () const { return rank () == 0; }

  // The first process's value.
  double agree (double value);

  // The first process first, then the others: it leaves files that they find.
  void in_turn (const std::function<void ()> &work);
};

// As torchrun, Slurm and MPI say it, by RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT:
// waits until all are there.  Without WORLD_SIZE, or where it is 1, one process alone.
// Throws Error: wrong_model (a variable is missing or no number), failed (the others
// cannot be reached; this build has no Gloo).
std::shared_ptr<Workers> workers_of_environment ();

} // namespace daetalker
