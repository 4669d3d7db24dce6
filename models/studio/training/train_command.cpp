// SPDX-License-Identifier: LGPL-2.1-or-later
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "models/io/bundle.h"
#include "models/io/files.h"
#include "models/io/json.h"
#include "models/studio/avatar_search.h"
#include "models/studio/command.h"
#include "models/studio/dataset.h"
#include "models/studio/prepare.h"
#include "models/studio/sound.h"
#include "models/studio/training/keep_memory.h"
#include "models/studio/training/latent_importance.h"
#include "models/studio/training/pack_avatar.h"
#include "models/studio/training/train_autoencoder.h"
#include "models/studio/training/train_speech2latent.h"

namespace daetalker {

namespace {

struct TrainOptions {
  std::string footage; // or a dataset
  std::string avatar, work, stage = "all";
  std::string init; // an avatar
  std::string latents = "eigenfaces";
  int width = 0;                 // as the shape has it, or the avatar started from
  int patch = 0;                 // likewise
  std::vector<int> channel_mult; // likewise
  int references = -1;           // as the avatar has that is started from, or none
  HeldOut held_out;
  std::string held_out_clips; // file of names
  OtherVoices others;
  AutoencoderTraining autoencoder;
  double finish_minutes = 20; // of the UNet, after speech2latent
  Speech2LatentTraining speech2latent;
  AvatarPacking packing;
};

// Another avatar's weights, shape and noise image; what it has not seen stays unseen.
void
start_from (TrainOptions &options)
{
  namespace fs = std::filesystem;
  const Bundle avatar = read_bundle (options.init);
  options.autoencoder.init_network = parse_autoencoder_config (
      avatar.autoencoder, avatar.path + "/" + bundle_file::description);
  options.autoencoder.network = options.autoencoder.init_network;
  options.autoencoder.init = file_path (avatar, bundle_file::autoencoder);
  fs::copy_file (file_path (avatar, bundle_file::noise),
                 fs::path (options.work) / "noise.safetensors",
                 fs::copy_options::skip_existing);
  if (options.held_out.names.empty () && avatar.training.contains ("held_out"))
    options.held_out.names = avatar.training["held_out"].get<std::vector<std::string>> ();
}

// The dataset to train on: what was named, or what is made of it.
std::string
dataset_of (const TrainOptions &options, Workers &workers)
{
  if (std::filesystem::exists (dataset_index_path (options.footage)))
    return options.footage;
  PrepareOptions preparation;
  preparation.footage = {options.footage};
  preparation.output = options.work + "/dataset";
  if (workers.is_first ())
    prepare_dataset (preparation);
  workers.wait_for_all ();
  return preparation.output;
}

void
run (TrainOptions &options)
{
  keep_memory ();
  bool all = options.stage == "all";
  // Better refused now than after hours of training.
  if (all || options.stage == "pack")
    require_consent (options.packing.consent);
  if (options.work.empty ())
    options.work = options.avatar + ".work";
  if (options.packing.encoder.empty ())
    options.packing.encoder = require_avatar ("") + "/encoder";
  if (options.packing.name.empty ())
    options.packing.name = std::filesystem::path (options.avatar).filename ().string ();
  const std::string autoencoder = options.work + "/autoencoder.safetensors";

  const std::shared_ptr<Workers> workers = workers_of_environment ();
  if (workers->size () > 1)
    options.autoencoder.workers = workers;
  std::filesystem::create_directories (options.work);
  options.autoencoder.network = options.latents == "eigenfaces"
                                    ? eigenface_autoencoder (32)
                                    : live_autoencoder (64);
  if (!options.held_out_clips.empty ())
    options.held_out.names = read_words (options.held_out_clips);
  if (!options.init.empty ())
    start_from (options);
  UNetConfig &unet = options.autoencoder.network.unet;
  if (options.width > 0)
    unet.model_channels = options.width;
  if (options.patch > 0)
    unet.patch = options.patch;
  if (!options.channel_mult.empty ())
    unet.channel_mult = options.channel_mult;
  if (options.references >= 0)
    unet.references = options.references;
  validate (options.autoencoder.network, "--width, --channel-mult, --patch, --init");
  std::optional<FrameStore> frames;
  const std::string dataset = dataset_of (options, *workers);
  workers->in_turn ([&] { frames.emplace (dataset, options.work, options.held_out); });
  const FrameStore &store = *frames;
  // What is missing is better said now than after hours.
  if (options.others.augmentations > 0 && (all || options.stage == "speech2latent"))
    shift_pitch (std::vector<int16_t> (1600), 1.2);
  if (all || options.stage == "autoencoder") {
    train_autoencoder (store, options.work, options.autoencoder);
  }
  if (options.stage == "autoencoder")
    return;
  // The rest is minutes of work for one; where the UNet is trained on, all take part.
  const bool works = workers->is_first ();

  const std::string facts = options.work + "/speech2latent.json";
  if (works && (all || options.stage == "speech2latent")) {
    SequenceSet set =
        make_sequences (store, autoencoder, options.packing.encoder, options.others);
    const torch::Tensor importance = latent_importance (store, options.work, set);
    nlohmann::json figures = train_speech2latent (set, importance, options.work,
                                                  autoencoder, options.speech2latent);
    std::cerr << "speech2latent: " << figures.dump () << "\n";
    const std::string text =
        nlohmann::json{{"facts", set.facts}, {"figures", figures}}.dump (1);
    replace_file (facts, text);
  }
  workers->wait_for_all ();
  if (all || options.stage == "finish") {
    AutoencoderTraining finish = options.autoencoder;
    finish.minutes += options.finish_minutes;
    train_autoencoder (store, options.work, finish);
  }
  if (works && (all || options.stage == "pack")) {
    nlohmann::json json = read_json (facts);
    options.packing.window = options.speech2latent.window;
    options.packing.training = {{"held_out", store.held_out_names ()},
                                {"figures", json.at ("figures")}};
    pack_avatar (options.work, options.avatar, json.at ("facts").get<SequenceFacts> (),
                 options.packing);
    std::cerr << "avatar: " << options.avatar << "\n";
  }
}

} // namespace

void
add_train_command (CLI::App &app)
{
  auto options = std::make_shared<TrainOptions> ();
  CLI::App *command = app.add_subcommand ("train", "Train an avatar from footage");
  command
      ->add_option ("footage", options->footage,
                    "Folder that `prepare` wrote; or a video file or a folder of them, "
                    "which is prepared first, into WORK/dataset")
      ->required ();
  command->add_option ("-o,--output", options->avatar, "Folder of the avatar")
      ->required ();
  command->add_option ("--encoder", options->packing.encoder,
                       "Folder of the speech encoder (default: that of the avatar that "
                       "ships)");
  command->add_option ("--work", options->work,
                       "Folder of checkpoints (default: OUTPUT.work)");
  command->add_option ("--stage", options->stage, "Run one stage only")
      ->check (CLI::IsMember ({"all", "autoencoder", "speech2latent", "finish", "pack"}))
      ->capture_default_str ();
  command
      ->add_option ("--latents", options->latents,
                    "Of eigenfaces, or of a convolutional encoder that is trained first")
      ->check (CLI::IsMember ({"eigenfaces", "convolutional"}))
      ->capture_default_str ();
  command
      ->add_option (
          "--width", options->width,
          "Channels of the UNet's first level (default: as --init has it, 32, or 64 "
          "without eigenfaces)")
      ->check (CLI::Range (32, 512));
  command
      ->add_option ("--channel-mult", options->channel_mult,
                    "Channels of each of the UNet's levels, as multiples of the width "
                    "(default: as --init has it, or 1,2,3)")
      ->delimiter (',')
      ->check (CLI::Range (1, 16));
  command
      ->add_option ("--patch", options->patch,
                    "Side in pixels of what one point of the UNet's first level stands "
                    "for (default: 4, without eigenfaces 8)")
      ->check (CLI::IsMember ({4, 8}));
  command
      ->add_option ("--references", options->references,
                    "Pictures of the person that the UNet's head warps")
      ->check (CLI::Range (0, 64));
  command
      ->add_option ("--held-out", options->held_out.count,
                    "How many clips to keep from training (default: a tenth of them, "
                    "40 at most)")
      ->check (CLI::PositiveNumber);
  command
      ->add_option ("--held-out-clips", options->held_out_clips,
                    "File with the names of the clips to keep from training")
      ->check (CLI::ExistingFile);
  AutoencoderTraining &autoencoder = options->autoencoder;
  command->add_option ("--minutes", autoencoder.minutes, "Of autoencoder training")
      ->capture_default_str ();
  command->add_option ("--batch", autoencoder.batch, "Pictures per step")
      ->check (CLI::Range (2, 1024))
      ->capture_default_str ();
  command
      ->add_option ("--one-step-share", autoencoder.one_step_share,
                    "Part of each batch that starts from the fixed noise")
      ->check (CLI::Range (0.0, 1.0))
      ->capture_default_str ();
  command->add_option ("--mouth-gain", autoencoder.gains.mouth, "Loss at the mouth")
      ->capture_default_str ();
  command->add_option ("--eye-gain", autoencoder.gains.eyes, "Loss at the eyes")
      ->capture_default_str ();
  command
      ->add_option ("--head-weight", autoencoder.head_weight,
                    "Of what the latent must tell linearly")
      ->capture_default_str ();
  command
      ->add_option ("--warp-weight", autoencoder.warp_weight,
                    "Of the warped references' own loss")
      ->capture_default_str ();
  command
      ->add_option ("--detail-weight", autoencoder.detail_weight,
                    "Of as much fine detail as real pictures have, beside the error")
      ->capture_default_str ();
  command
      ->add_option ("--finish-minutes", options->finish_minutes,
                    "Of training the UNet on, with what speech2latent predicts")
      ->capture_default_str ();
  command
      ->add_option ("--predicted-share", autoencoder.predicted_share,
                    "Of latents as speech2latent predicts them, in these minutes")
      ->check (CLI::Range (0.0, 0.7))
      ->capture_default_str ();
  command
      ->add_option ("--adversary-weight", autoencoder.adversary_weight,
                    "Of a discriminator's slope beside the regression's; 0 = none")
      ->capture_default_str ();
  command
      ->add_option ("--adversary-from", autoencoder.adversary_from,
                    "Share of the minutes after which the discriminator joins")
      ->check (CLI::Range (0.0, 1.0))
      ->capture_default_str ();
  command->add_option ("--learning-rate", autoencoder.learning_rate, "Of the autoencoder")
      ->capture_default_str ();
  command
      ->add_option (
          "--init", options->init,
          "Start from the autoencoder of this avatar (a folder); one with fewer "
          "channels starts from its first ones")
      ->check (CLI::ExistingDirectory);
  command
      ->add_option ("--encoder-minutes", autoencoder.encoder_minutes,
                    "Of training the picture encoder alone, first")
      ->capture_default_str ();
  command->add_flag ("--freeze-encoder", autoencoder.freeze_encoder,
                     "Go on with the UNet alone: latents and speech2latent stay valid");
  command
      ->add_option ("--speech-minutes", options->speech2latent.minutes,
                    "Of speech2latent training")
      ->capture_default_str ();
  command
      ->add_option ("--lip-weight", options->speech2latent.lip_weight,
                    "Of lips beside latents, in speech2latent's loss")
      ->capture_default_str ();
  command
      ->add_option ("--pose-smoothing", options->speech2latent.pose_smoothing,
                    "Frames (odd) over whose mean speech2latent is given the pose: one "
                    "measured on landmarks trembles with the jaw")
      ->check (CLI::Range (1, 101))
      ->capture_default_str ();
  command
      ->add_option ("--stretch", options->speech2latent.stretch,
                    "Of the motion that speech2latent predicts, which is an average")
      ->check (CLI::Range (0.5, 3.0))
      ->capture_default_str ();
  command
      ->add_option ("--mouth-pages", options->speech2latent.mouth_pages,
                    "Real frames whose mouths are shown where speech predicts an average "
                    "of them (eigenfaces only); 0: none")
      ->check (CLI::Range (0, 1 << 20))
      ->capture_default_str ();
  command
      ->add_option ("--augmentations", options->others.augmentations,
                    "So many times each clip is also heard at another pitch, so that "
                    "speech2latent follows other voices")
      ->check (CLI::Range (0, 16))
      ->capture_default_str ();
  command
      ->add_option ("--other-voices", options->others.folder,
                    "Folder of speech of others, each with what a teacher predicts of "
                    "this face (latents, pose, lips), for speech2latent")
      ->check (CLI::ExistingDirectory);
  command
      ->add_option ("--other-voices-share", options->speech2latent.others_share,
                    "Of speech2latent's segments, for other voices and pitches")
      ->check (CLI::Range (0.0, 1.0))
      ->capture_default_str ();
  command->add_option ("--seed", autoencoder.seed, "Of all random numbers")
      ->capture_default_str ();
  command->add_option ("--name", options->packing.name, "The avatar's name");
  command->add_option ("--license", options->packing.license, "Of the avatar")
      ->default_str ("not stated");
  command->add_option ("--card", options->packing.card, "Model card (Markdown)");
  ConsentRecord &consent = options->packing.consent;
  command->add_option ("--consent-who", consent.who, "Who agreed to become an avatar");
  command->add_option ("--consent-when", consent.when, "Date of the consent");
  command->add_option ("--consent-scope", consent.scope, "What it covers");
  command->add_option ("--source", consent.source, "The footage, in words");
  command->callback ([options, command] {
    // The encoder that is started from has had its own minutes.
    if (!options->init.empty () && command->count ("--encoder-minutes") == 0)
      options->autoencoder.encoder_minutes = 0;
    options->speech2latent.seed = options->autoencoder.seed;
    run (*options);
  });
}

} // namespace daetalker
