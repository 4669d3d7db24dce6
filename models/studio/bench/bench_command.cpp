// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/bench/bench.h"
#include "models/studio/command.h"

#include <cstdio>
#include <memory>

namespace daetalker {

void
add_bench_command (CLI::App &app)
{
  auto options = std::make_shared<BenchOptions> ();
  CLI::App *command = app.add_subcommand ("bench", "Measure how fast this machine is");
  command->add_option ("avatar", options->avatar,
                       "Folder or name of an avatar (default: the one that ships)");
  command->add_option ("--audio", options->audio,
                       "Sound file with speech (default: made syllables)");
  command
      ->add_option ("--seconds", options->seconds,
                    "Seconds of speech; a shorter file is repeated")
      ->check (CLI::Range (0.1, 86400.0))
      ->capture_default_str ();
  command->add_option ("--device", options->device.device, "auto, cpu, cuda or cuda:N")
      ->capture_default_str ();
  command
      ->add_option ("--precision", options->device.precision,
                    "auto, float32, bfloat16 or float16")
      ->capture_default_str ();
  command
      ->add_option ("--threads", options->device.threads,
                    "Threads of the networks (default: LibTorch's choice)")
      ->check (CLI::Range (1, 1024));
  command->add_option ("--steps", options->steps, "DDIM evaluations for each frame")
      ->check (CLI::Range (1, 1000))
      ->capture_default_str ();
  command
      ->add_option ("--live", options->live_seconds,
                    "Also play so many seconds in real time, turns of silence and speech")
      ->check (CLI::Range (8.0, 86400.0));
  command
      ->add_option ("--streams", options->streams,
                    "Also play so many streams at once, one number after the other")
      ->delimiter (',')
      ->check (CLI::Range (1, 256));
  command
      ->add_option_function<std::string> (
          "--shape", [options] (const std::string &) { options->ffhq256 = true; },
          "Also time one evaluation of a published network's shape")
      ->check (CLI::IsMember ({"ffhq256"}));
  command
      ->add_option_function<std::string> (
          "--against", [options] (const std::string &) { options->peak = true; },
          "Also compare the renderer with the fastest convolution")
      ->check (CLI::IsMember ({"peak"}));
  command->add_option ("--json", options->json, "File for the figures");
  command->add_flag ("--allow-unconsented", options->allow_unconsented,
                     "Use an avatar that holds no consent record");
  command->callback (
      [options] { std::fputs (bench_table (run_bench (*options)).c_str (), stdout); });
}

} // namespace daetalker
