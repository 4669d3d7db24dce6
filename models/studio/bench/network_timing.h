// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How fast networks, and the convolutions they are made of, are evaluated here: warm, one
// thing at a time.  All throw Error (no_device) for a device or precision that is not
// here.
#pragma once

#include "models/engine.h"
#include "models/nn/autoencoder_config.h"

#include <functional>
#include <string>
#include <vector>

namespace daetalker {

// One evaluation.
struct EvaluationTime {
  double gflop = 0; // as FlopCounter counts
  double ms = 0;    // median
  int rounds = 0;   // of how many

  double gflop_per_s () const { return gflop / ms * 1e3; }
};

// Runs `evaluate` once to warm up, then five times and for half a second at least.
// It must call LibTorch on the calling thread.
EvaluationTime time_evaluation (const std::function<void ()> &evaluate);

// What `threads` comes to.
int network_threads (int threads);

// What `device.precision` comes to: "float32", "bfloat16", "float16".
std::string chosen_precision (const DeviceOptions &device);

// float32, and chosen_precision () where that is another.
std::vector<std::string> precisions_to_time (const DeviceOptions &device);

// A UNet of this shape with random weights, one picture.
EvaluationTime time_unet (const UNetConfig &config, const DeviceOptions &device);

// The network of an avatar's renderer, one picture.  Throws Error as
// Engine::open_avatar does; wrong_model if the avatar does not render in `steps`.
EvaluationTime time_renderer (const std::string &avatar, int steps,
                              const DeviceOptions &device, bool allow_unconsented);

struct ConvolutionPeak {
  std::string shape; // "16x256x32x32": pictures, channels in and out, height, width
  EvaluationTime time;
};

// The fastest of several 3x3 convolutions, channels-last, by GFLOP/s.
ConvolutionPeak find_convolution_peak (const DeviceOptions &device);

} // namespace daetalker
