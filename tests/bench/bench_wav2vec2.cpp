// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The C++ side of run-wav2vec2: one evaluation of a speech encoder per line of input.
//
//   bench_wav2vec2 FOLDER THREADS
//
// Takes the model and "wave" (FOLDER/wave.safetensors), says "ready VERSION"; then for
// each line "float32" or "bfloat16" evaluates once, answers with the seconds and the
// processor seconds it took, and leaves the last hidden state in
// FOLDER/cpp-LINE.safetensors.
#include <torch/types.h>
#include <torch/version.h>

#include "models/io/tensors.h"
#include "models/nn/speech_encoder.h"

#include <chrono>
#include <ctime>
#include <iostream>
#include <map>
#include <string>
#include <torch/utils.h>

namespace daetalker {
namespace {

void
serve (const std::string &folder, int threads)
{
  torch::set_num_threads (threads);
  torch::InferenceMode inference;
  const auto wave = load_tensors (folder + "/wave.safetensors").at ("wave").clone ();
  std::map<std::string, std::unique_ptr<SpeechEncoderNet>> networks;
  for (const auto &[name, type] : {std::pair ("float32", torch::kFloat32),
                                   std::pair ("bfloat16", torch::kBFloat16)}) {
    networks[name] = make_speech_encoder (folder);
    networks[name]->to (torch::kCPU, type);
  }
  std::cout << "ready " << TORCH_VERSION << std::endl;
  for (std::string line; std::getline (std::cin, line);) {
    const auto cpu_start = std::clock (); // of all threads
    const auto start = std::chrono::steady_clock::now ();
    const auto out = networks.at (line)->forward (wave, -1);
    const std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now () - start;
    const double cpu_seconds = double (std::clock () - cpu_start) / CLOCKS_PER_SEC;
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
    std::cerr << "usage: bench_wav2vec2 FOLDER THREADS\n";
    return 2;
  }
  try {
    daetalker::serve (argv[1], std::stoi (argv[2]));
  } catch (const std::exception &error) {
    std::cerr << "bench_wav2vec2: " << error.what () << '\n';
    return 1;
  }
  return 0;
}
