// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Adam with float32 masters for networks that compute in bfloat16, and their moving
// average (EMA), in one pass over memory.
#pragma once

#include <torch/nn/module.h>

#include <memory>

#include "models/io/tensors.h"
#include "models/studio/training/workers.h"

namespace daetalker {

struct AdamOptions {
  double learning_rate = 3e-4;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double clip_norm = 1.0;           // of the whole gradient; 0 = none
  double ema_decay = 0.999;         // reached gradually: (1+step)/(10+step) until then
  std::shared_ptr<Workers> workers; // that take the same steps, or none
};

class MasterAdam {
public:
  // The module's parameters of now are the first masters.
  MasterAdam (torch::nn::Module &module, const AdamOptions &options);

  // Where there are workers: all have the first one's weights and state from here on.
  void share ();

  // One update from the gradients that lie in the parameters (the workers' mean of them);
  // clears them.
  // Returns the gradient's norm before clipping; a gradient that is not finite is
  // dropped (no update) and the norm says so.
  double step ();

  void set_learning_rate (double rate) { options_.learning_rate = rate; }
  int64_t steps () const { return step_; }

  // Averaged weights, float32, by parameter name.
  TensorMap averaged () const;

  // Everything that resuming needs, by name: `master.*`, `m.*`, `v.*`, `ema.*`.
  TensorMap state () const;
  void load_state (const TensorMap &state, int64_t step, const std::string &file);

  // Masters and averages from weights alone (a run that starts from another avatar).
  void start_from (const TensorMap &weights, const std::string &file);

private:
  struct Slot {
    std::string name;
    torch::Tensor parameter; // as the network computes
    torch::Tensor master, m, v, ema;
  };

  void publish (Slot &slot);

  AdamOptions options_;
  std::vector<Slot> slots_;
  int64_t step_ = 0;
};

} // namespace daetalker
