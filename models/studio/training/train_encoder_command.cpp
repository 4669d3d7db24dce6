// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iostream>
#include <memory>

#include "models/studio/command.h"
#include "models/studio/training/keep_memory.h"
#include "models/studio/training/train_encoder.h"

namespace daetalker {

namespace {

struct Options {
  std::string speech, teacher, encoder;
  EncoderTraining training;
};

void
run (const Options &options)
{
  keep_memory ();
  int without_teacher = 0;
  const TaughtCorpus corpus =
      read_taught_corpus (options.speech, options.teacher, &without_teacher);
  std::cerr << "speech: " << corpus.training.size () << " recordings, " << corpus.hours
            << " hours; " << corpus.held_out.size () << " held out";
  if (without_teacher)
    std::cerr << "; " << without_teacher << " passed over: no hidden states";
  std::cerr << "\n";
  const nlohmann::json figures =
      train_encoder (corpus, options.encoder, options.training);
  std::cerr << "encoder: " << options.encoder << " " << figures.dump () << "\n";
}

} // namespace

void
add_train_encoder_command (CLI::App &app)
{
  auto options = std::make_shared<Options> ();
  CLI::App *command = app.add_subcommand (
      "train-encoder", "Train a speech encoder for live use, taught by a large one");
  command->add_option ("speech", options->speech, "Folder of sound files")
      ->required ()
      ->check (CLI::ExistingDirectory);
  command
      ->add_option ("--teacher", options->teacher,
                    "Folder with NAME.safetensors (hidden_states) for each sound")
      ->required ()
      ->check (CLI::ExistingDirectory);
  command->add_option ("-o,--output", options->encoder, "Folder of the encoder")
      ->required ();
  EncoderTraining &training = options->training;
  ConformerConfig &blocks = training.network.conformer;
  command->add_option ("--width", blocks.size, "Of the Conformer blocks")
      ->check (CLI::Range (16, 4096))
      ->capture_default_str ();
  command->add_option ("--blocks", blocks.blocks, "How many")
      ->check (CLI::Range (1, 64))
      ->capture_default_str ();
  command
      ->add_option (
          "--init", training.init,
          "Start from the weights of this encoder (a folder), of the same shape")
      ->check (CLI::ExistingDirectory);
  command
      ->add_option ("--look-ahead", training.network.look_ahead,
                    "Frames of 20 ms that it hears of the future")
      ->check (CLI::Range (0, 100))
      ->capture_default_str ();
  command->add_option ("--minutes", training.minutes, "Of training")
      ->capture_default_str ();
  command->add_option ("--batch", training.batch, "Segments of 3 s per step")
      ->check (CLI::Range (1, 1024))
      ->capture_default_str ();
  command->add_option ("--learning-rate", training.learning_rate, "At its height")
      ->capture_default_str ();
  command->add_option ("--seed", training.seed, "Of all random numbers")
      ->capture_default_str ();
  command->callback ([options] { run (*options); });
}

} // namespace daetalker
