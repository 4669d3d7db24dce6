// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/pack_avatar.h"

#include <filesystem>
#include <fstream>

#include "models/io/files.h"
#include "models/io/tensors.h"
#include "models/nn/autoencoder_config.h"
#include "models/nn/diffusion.h"
#include "models/nn/speech_encoder.h"

namespace daetalker {

namespace fs = std::filesystem;

namespace {

// Copies weights as float16; returns the shape that their metadata describe.
nlohmann::json
pack_weights (const fs::path &from, const fs::path &to)
{
  Metadata metadata;
  TensorMap tensors = load_tensors (from.string (), &metadata);
  save_tensors (to.string (), tensors, {}, torch::kHalf);
  auto network = metadata.find ("network");
  return network == metadata.end () ? nlohmann::json ()
                                    : nlohmann::json::parse (network->second);
}

void
write_card (const fs::path &path, const AvatarPacking &packing)
{
  if (!packing.card.empty ()) {
    fs::copy_file (packing.card, path, fs::copy_options::overwrite_existing);
    return;
  }
  std::ofstream card (path);
  card << "# " << packing.name << "\n\n"
       << "- Made with `daetalker train` from: " << packing.consent.source << "\n"
       << "- Licence: " << packing.license << "\n"
       << "- Consent: " << packing.consent.who << ", " << packing.consent.when << ", "
       << packing.consent.scope << "\n\n"
       << "Its pictures are synthetic and marked as such.\n";
  if (packing.training.contains ("figures"))
    card << "\nFigures on held-out clips: `" << packing.training["figures"].dump ()
         << "`\n";
}

} // namespace

void
require_consent (const ConsentRecord &consent)
{
  if (consent.who.empty () || consent.when.empty () || consent.scope.empty () ||
      consent.source.empty ())
    throw Error (
        ErrorCode::no_consent, "avatar", "the consent record is not complete",
        "Give --consent-who, --consent-when, --consent-scope and --source: who agreed "
        "to become an avatar, when, for what, and the footage");
}

void
pack_avatar (const std::string &work, const std::string &avatar,
             const SequenceFacts &facts, const AvatarPacking &packing)
{
  require_consent (packing.consent);
  fs::path target = fs::path (avatar).lexically_normal ();
  if (!target.has_filename ())
    target = target.parent_path ();
  fs::path partial = target.string () + ".partial";
  fs::remove_all (partial);
  fs::create_directories (partial);

  Bundle bundle;
  bundle.autoencoder = pack_weights (fs::path (work) / "autoencoder.safetensors",
                                     partial / bundle_file::autoencoder);
  bundle.speech2latent = pack_weights (fs::path (work) / "speech2latent.safetensors",
                                       partial / bundle_file::speech2latent);
  pack_weights (fs::path (work) / "noise.safetensors", partial / bundle_file::noise);
  fs::copy (packing.encoder, partial / bundle.encoder, fs::copy_options::recursive);
  write_card (partial / "card.md", packing);

  auto network = bundle.autoencoder.get<AutoencoderConfig> ();
  AvatarInfo &info = bundle.info;
  info.name = packing.name;
  info.license = packing.license;
  info.width = info.height = network.unet.image_size;
  info.fps = {25, 1};
  info.feature_rate = {50, 1};
  info.latent_size = network.unet.style_channels;
  info.feature_size = facts.feature_size;
  info.window = packing.window;
  info.rest_latent = facts.rest_latent;
  info.rest_pose = facts.rest_pose;
  info.pose_min = facts.pose_min;
  info.pose_max = facts.pose_max;
  info.idle = facts.idle;
  info.steps = supported_steps ();
  bundle.consent = packing.consent;
  bundle.training = packing.training;

  bundle.encoder_layer = make_speech_encoder (packing.encoder)->resolve_layer (-1);
  std::map<std::string, std::string> encoder_files;
  for (const auto &entry : fs::directory_iterator (partial / bundle.encoder))
    if (entry.is_regular_file ())
      encoder_files[entry.path ().filename ()] = sha256_of_file (entry.path ());
  info.encoder_hash = speech_encoder_hash (encoder_files, bundle.encoder_layer);
  write_bundle (partial.string (), bundle);

  // The old bundle, if any, makes way in two renames: never half of either.
  fs::path old = target.string () + ".old";
  fs::remove_all (old);
  if (fs::exists (target))
    fs::rename (target, old);
  fs::rename (partial, target);
  fs::remove_all (old);
}

} // namespace daetalker
