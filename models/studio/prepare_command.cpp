// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/command.h"
#include "models/studio/prepare.h"

#include <memory>

namespace daetalker {

void
add_prepare_command (CLI::App &app)
{
  auto options = std::make_shared<PrepareOptions> ();
  CLI::App *command =
      app.add_subcommand ("prepare", "Turn footage of one person into a dataset");
  command
      ->add_option ("footage", options->footage,
                    "Video files, or folders with video files")
      ->required ();
  command->add_option ("-o,--output", options->output, "Folder of the dataset")
      ->required ();
  command->add_option ("--jobs", options->jobs, "Clips at a time (0 = one per core)")
      ->check (CLI::Range (0, 1024));
  command
      ->add_option ("--crop-scale", options->crop_scale,
                    "Side of the square that is cut out, in widths of the face")
      ->check (CLI::Range (1.0, 5.0))
      ->capture_default_str ();
  command
      ->add_option ("--inspect-every", options->inspect_every,
                    "Look for faces in every N-th frame")
      ->check (CLI::Range (1, 250))
      ->capture_default_str ();
  command->add_option ("--landmark-model", options->landmark_model,
                       "dlib's shape_predictor_68_face_landmarks.dat");
  command->callback ([options] { prepare_dataset (*options); });
}

} // namespace daetalker
