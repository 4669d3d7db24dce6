// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/bench/network_timing.h"

#include "models/engine/placement.h"
#include "models/engine/torch_engine.h"
#include "models/nn/unet.h"
#include "models/studio/bench/flop_counter.h"

#include <algorithm>
#include <ATen/Parallel.h>
#include <chrono>
#include <torch/cuda.h>
#include <torch/utils.h>

namespace daetalker {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t least_rounds = 5;
constexpr double least_seconds = 0.5;

Placement
placement_of (const DeviceOptions &device)
{
  set_thread_count (device.threads);
  return choose_placement (device);
}

double
seconds_of (const std::function<void ()> &evaluate)
{
  const Clock::time_point start = Clock::now ();
  evaluate ();
  if (torch::cuda::is_available ())
    torch::cuda::synchronize ();
  return std::chrono::duration<double> (Clock::now () - start).count ();
}

UNet
random_unet (const UNetConfig &config, const Placement &placement)
{
  const torch::NoGradGuard no_grad;
  UNet unet (config);
  unet->to (placement.device);
  unet->eval ();
  convert_convolutions (*unet, placement.type);
  settle (*unet);
  return unet;
}

struct ConvolutionShape {
  int pictures, channels, side;
};

// Wide enough for full vectors and tiles, small enough for the caches; which is best
// depends on the machine.
constexpr ConvolutionShape well_shaped[] = {{1, 128, 64}, {1, 256, 32},  {1, 256, 64},
                                            {1, 512, 32}, {16, 128, 32}, {16, 256, 32}};

std::string
name_of (const ConvolutionShape &shape)
{
  const std::string side = std::to_string (shape.side);
  return std::to_string (shape.pictures) + "x" + std::to_string (shape.channels) + "x" +
         side + "x" + side;
}

EvaluationTime
time_convolution (const ConvolutionShape &shape, const Placement &placement)
{
  const auto options = torch::device (placement.device).dtype (placement.type);
  const auto random = [&options] (torch::IntArrayRef sizes) {
    return torch::randn (sizes, torch::kFloat)
        .to (options)
        .contiguous (at::MemoryFormat::ChannelsLast);
  };
  const torch::Tensor x =
      random ({shape.pictures, shape.channels, shape.side, shape.side});
  const torch::Tensor weight = random ({shape.channels, shape.channels, 3, 3});
  return time_evaluation ([&] { torch::conv2d (x, weight, {}, 1, 1); });
}

} // namespace

EvaluationTime
time_evaluation (const std::function<void ()> &evaluate)
{
  EvaluationTime time;
  {
    const FlopCounter counter;
    seconds_of (evaluate);
    time.gflop = double (counter.flops ()) * 1e-9;
  }
  std::vector<double> rounds;
  for (double spent = 0; rounds.size () < least_rounds || spent < least_seconds;) {
    rounds.push_back (seconds_of (evaluate));
    spent += rounds.back ();
  }
  const auto middle = rounds.begin () + std::ptrdiff_t (rounds.size () / 2);
  std::nth_element (rounds.begin (), middle, rounds.end ());
  time.ms = *middle * 1e3;
  time.rounds = int (rounds.size ());
  return time;
}

int
network_threads (int threads)
{
  return threads > 0 ? threads : at::get_num_threads ();
}

std::string
chosen_precision (const DeviceOptions &device)
{
  return choose_placement (device).precision_name ();
}

std::vector<std::string>
precisions_to_time (const DeviceOptions &device)
{
  std::vector<std::string> precisions = {"float32"};
  if (chosen_precision (device) != precisions.front ())
    precisions.push_back (chosen_precision (device));
  return precisions;
}

EvaluationTime
time_unet (const UNetConfig &config, const DeviceOptions &device)
{
  const Placement placement = placement_of (device);
  UNet unet = random_unet (config, placement);
  const Computation computation;
  const auto x = torch::randn ({1, 3, config.image_size, config.image_size});
  const auto z = torch::randn ({1, config.style_channels});
  const auto t = torch::full ({1}, 500, torch::kFloat);
  const auto here = [&placement] (const torch::Tensor &tensor) {
    return tensor.to (placement.device);
  };
  return time_evaluation ([&] { unet->forward (here (x), here (t), here (z)); });
}

EvaluationTime
time_renderer (const std::string &avatar, int steps, const DeviceOptions &device,
               bool allow_unconsented)
{
  const auto opened = torch_engine ().open_avatar (avatar, device, allow_unconsented);
  const auto renderer = opened->open_renderer ();
  // One evaluation, on this thread.
  return time_evaluation ([&] { renderer->warm_up (steps); });
}

ConvolutionPeak
find_convolution_peak (const DeviceOptions &device)
{
  const Placement placement = placement_of (device);
  const Computation computation;
  ConvolutionPeak peak;
  for (const ConvolutionShape &shape : well_shaped) {
    const EvaluationTime time = time_convolution (shape, placement);
    if (peak.shape.empty () || time.gflop_per_s () > peak.time.gflop_per_s ())
      peak = {name_of (shape), time};
  }
  return peak;
}

} // namespace daetalker
