// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How a decoder's evaluations run on its device, and how its pictures reach a video
// frame.  decoder_device.cpp serves the CPU; cuda/decoder_device.cpp a GPU, where the
// build has CUDA.
#pragma once

#include "models/engine.h"
#include "models/engine/placement.h"

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace daetalker {

class DecoderDevice {
public:
  virtual ~DecoderDevice () = default;

  // Runs `work`, the computation of one batch, maybe on another thread: tensors that it
  // makes are ready for it, for later work and for write (), not for other users of the
  // device.  Throws what `work` throws.
  virtual void run (const std::function<void ()> &work) = 0;

  // Within run (): a network's evaluation.  Inputs and result have the same shapes
  // whenever `kind` and the first input's batch size are the same, so that the
  // operations may be recorded once and repeated.
  using Tensors = std::vector<torch::Tensor>;
  using Network = std::function<torch::Tensor (const Tensors &inputs)>;
  virtual torch::Tensor evaluate (const std::string &kind, const Tensors &inputs,
                                  const Network &network) = 0;

  // Any thread: writes `picture`, [3, H, W] float32 in [-1, 1] as run () left it, into
  // `out`; the frame is complete on return.  Throws Error (failed) if they do not fit.
  virtual void write (const torch::Tensor &picture, const ImageView &out) = 0;
};

// Throws Error (no_device) for a device that this build has nothing for.
std::unique_ptr<DecoderDevice> open_decoder_device (const Placement &placement);

// Defined with CUDA only.
std::unique_ptr<DecoderDevice> open_cuda_decoder_device (const Placement &placement);

} // namespace daetalker
