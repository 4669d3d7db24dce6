// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The C++ side of run-step: one step of training a UNet of the shipped avatar's shape per
// line of input.
//
//   bench_step FOLDER THREADS BATCH
//
// Writes random weights and a batch to FOLDER/step.safetensors, says "ready VERSION";
// then for each line "float32" or "bfloat16" takes one step and answers with the seconds,
// the processor seconds and the loss before it.
#include <torch/types.h>
#include <torch/version.h>

#include "models/io/tensors.h"
#include "models/nn/weights.h"
#include "models/studio/training/keep_memory.h"
#include "models/studio/training/optimizer.h"
#include "tests/bench/random_unet.h"

#include <chrono>
#include <ctime>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <torch/utils.h>

namespace daetalker {
namespace {

// As the shipped avatar's, without the planes of its eigenfaces.
UNetConfig
shipped_shape ()
{
  UNetConfig config;
  config.image_size = 256;
  config.patch = 4;
  config.model_channels = 32;
  config.channel_mult = {1, 2, 3};
  config.num_res_blocks = 1;
  config.attention_resolutions = {};
  config.middle_attention = false;
  config.dropout = 0;
  return config;
}

struct Batch {
  torch::Tensor x, t, z, target;
};

// As the studio trains: weights in the type of the convolutions, masters in float32.
class Training {
public:
  Training (const TensorMap &weights, torch::ScalarType type)
      : unet_ (prepared (weights, type)), adam_ (*unet_, AdamOptions ())
  {
  }

  double step (const Batch &batch)
  {
    const auto patches = to_patches (batch.x, unet_->config ().patch).to (unet_->type ());
    const auto made = unet_->forward_patches (patches, batch.t, batch.z).picture;
    const auto loss = (made - batch.target).square ().mean ();
    loss.backward ();
    adam_.step ();
    return loss.item<double> ();
  }

private:
  static UNet prepared (const TensorMap &weights, torch::ScalarType type)
  {
    UNet unet (shipped_shape ());
    load_weights (*unet, weights, "step.safetensors");
    convert_convolutions (*unet, type);
    return unet;
  }

  UNet unet_;
  MasterAdam adam_;
};

void
serve (const std::string &folder, int threads, int64_t size)
{
  keep_memory ();
  torch::set_num_threads (threads);
  torch::manual_seed (1);
  const auto config = shipped_shape ();
  const auto weights = named_weights (*random_unet (config));
  const auto pictures = [&] {
    return torch::randn ({size, 3, config.image_size, config.image_size});
  };
  const Batch batch{pictures (), torch::full ({size}, 500, torch::kLong),
                    torch::randn ({size, config.style_channels}), pictures ()};
  auto file = weights;
  file["x"] = batch.x;
  file["t"] = batch.t;
  file["z"] = batch.z;
  file["target"] = batch.target;
  save_tensors (folder + "/step.safetensors", file);

  std::map<std::string, std::unique_ptr<Training>> trainings;
  std::cout << "ready " << TORCH_VERSION << std::endl;
  for (std::string line; std::getline (std::cin, line);) {
    auto &training = trainings[line];
    if (!training)
      training = std::make_unique<Training> (
          weights, line == "bfloat16" ? torch::kBFloat16 : torch::kFloat);
    const auto cpu_start = std::clock (); // of all threads
    const auto start = std::chrono::steady_clock::now ();
    const double loss = training->step (batch);
    const std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now () - start;
    const auto cpu_seconds = double (std::clock () - cpu_start) / CLOCKS_PER_SEC;
    std::cout << seconds.count () << ' ' << cpu_seconds << ' ' << loss << std::endl;
  }
}

} // namespace
} // namespace daetalker

int
main (int argc, char **argv)
{
  if (argc != 4) {
    std::cerr << "usage: bench_step FOLDER THREADS BATCH\n";
    return 2;
  }
  try {
    daetalker::serve (argv[1], std::stoi (argv[2]), std::stoi (argv[3]));
  } catch (const std::exception &error) {
    std::cerr << "bench_step: " << error.what () << '\n';
    return 1;
  }
  return 0;
}
