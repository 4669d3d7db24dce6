// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/command.h"
#include "models/studio/prepare.h"

#include <memory>

namespace daetalker {

namespace {

void
add_inspect_options (CLI::App &command, InspectOptions &options)
{
  command
      .add_option ("--crop-scale", options.crop_scale,
                   "Side of the square that is cut out, in widths of the face")
      ->check (CLI::Range (1.0, 5.0))
      ->capture_default_str ();
  command
      .add_option ("--inspect-every", options.every, "Look for faces in every N-th frame")
      ->check (CLI::Range (1, 250))
      ->capture_default_str ();
}

void
add_threshold_options (CLI::App &command, Thresholds &limits)
{
  const auto add = [&command] (const char *name, double &value, const char *text,
                               double top) {
    command.add_option (name, value, text)
        ->check (CLI::Range (0.0, top))
        ->capture_default_str ()
        ->group ("Footage is refused");
  };
  add ("--most-without-face", limits.most_without_face,
       "above this share of frames without face", 1);
  add ("--most-several-faces", limits.most_several_faces,
       "above this share of frames with more than one face", 1);
  add ("--least-face-width", limits.least_face_width,
       "below this width of the face in pixels", 10000);
  add ("--most-outside", limits.most_outside,
       "above this share of frames whose head leaves the square", 1);
  add ("--most-camera-shift", limits.most_camera_shift,
       "above this camera motion, in widths of the face", 100);
  add ("--most-repeated", limits.most_repeated, "above this share of repeated frames", 1);
  add ("--most-silence", limits.most_silence, "above this share of silent frames", 1);
  add ("--most-clipping", limits.most_clipping, "above this share of clipped samples", 1);
  add ("--most-av-offset", limits.most_av_offset,
       "above this offset between picture and sound, in frames (clips of 20 s and more)",
       12);
  add ("--most-look-distance", limits.most_look_distance,
       "above this distance in colour from the other footage, in grey levels", 255);
}

} // namespace

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
      ->add_option ("--piece-seconds", options->piece_seconds,
                    "Longer footage is cut into pieces of about this length, in pauses")
      ->check (CLI::Range (1.0, 3600.0))
      ->capture_default_str ();
  command->add_flag ("--report-only", options->report_only,
                     "Inspect and report; write no clips");
  command->add_option (
      "--poses", options->poses,
      "Head poses measured elsewhere: CSV with the columns clip, frame, yaw, "
      "pitch, roll (degrees)");
  command->add_option ("--landmark-model", options->landmark_model,
                       "dlib's shape_predictor_68_face_landmarks.dat");
  add_inspect_options (*command, options->inspect);
  add_threshold_options (*command, options->thresholds);
  command->callback ([options] { prepare_dataset (*options); });
}

} // namespace daetalker
