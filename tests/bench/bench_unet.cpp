// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The C++ side of run-unet: one evaluation of the ffhq256 UNet per line of input.
//
//   bench_unet FOLDER THREADS
//
// Writes random weights and inputs to FOLDER/unet.safetensors, says "ready VERSION";
// then for each line "float32" or "bfloat16" evaluates once, answers with the seconds
// and the processor seconds it took, and leaves the output in
// FOLDER/cpp-LINE.safetensors.
#include <torch/types.h>
#include <torch/version.h>

#include "models/engine.h"
#include "models/io/tensors.h"
#include "models/nn/weights.h"
#include "tests/bench/random_unet.h"

#include <chrono>
#include <ctime>
#include <iostream>
#include <map>
#include <string>
#include <torch/utils.h>

namespace daetalker {
namespace {

UNet
converted (const UNetConfig &config, const TensorMap &weights, torch::ScalarType type)
{
  UNet unet (config);
  load_weights (*unet, weights, "unet.safetensors");
  unet->eval ();
  convert_convolutions (*unet, type);
  settle (*unet);
  return unet;
}

void
serve (const std::string &folder, int threads)
{
  torch::set_num_threads (threads);
  torch::manual_seed (1);
  torch::NoGradGuard no_grad;

  auto config = ffhq256_autoencoder ().unet;
  auto weights = named_weights (*random_unet (config));
  auto x = torch::randn ({1, 3, config.image_size, config.image_size});
  auto t = torch::full ({1}, 500, torch::kLong);
  auto z = torch::randn ({1, config.style_channels});
  auto file = weights;
  file["x"] = x;
  file["t"] = t;
  file["z"] = z;
  save_tensors (folder + "/unet.safetensors", file);

  std::map<std::string, UNet> networks = {
      {"float32", converted (config, weights, torch::kFloat)},
      {"bfloat16", converted (config, weights, torch::kBFloat16)},
  };
  std::cout << "ready " << TORCH_VERSION << std::endl;
  for (std::string line; std::getline (std::cin, line);) {
    auto &network = networks.at (line);
    auto cpu_start = std::clock (); // of all threads
    auto start = std::chrono::steady_clock::now ();
    auto out = network (x, t, z);
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now () - start;
    auto cpu_seconds = double (std::clock () - cpu_start) / CLOCKS_PER_SEC;
    save_tensors (folder + "/cpp-" + line + ".safetensors", {{"out", out}});
    std::cout << seconds.count () << ' ' << cpu_seconds << std::endl;
  }
}

} // namespace
} // namespace daetalker

int
main (int argc, char **argv)
{
  if (argc != 3) {
    std::cerr << "usage: bench_unet FOLDER THREADS\n";
    return 2;
  }
  try {
    daetalker::serve (argv[1], std::stoi (argv[2]));
  } catch (const std::exception &error) {
    std::cerr << "bench_unet: " << error.what () << '\n';
    return 1;
  }
  return 0;
}
