// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The avatar bundle: a folder with avatar.json, networks in safetensors, and the
// speech encoder's folder.  docs/avatar-bundle.md describes every field.
#pragma once

#include "models/engine.h"

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace daetalker {

// Raised when a reader of the old schema would misread a new bundle.
constexpr int bundle_schema = 1;

// Files that every bundle holds, relative to its folder.
namespace bundle_file {
constexpr const char *description = "avatar.json";
constexpr const char *autoencoder = "autoencoder.safetensors";     // unet.*, encoder.*
constexpr const char *speech2latent = "speech2latent.safetensors"; // Speech2Latent
constexpr const char *noise = "noise.safetensors"; // "x_T": [3, height, width]
} // namespace bundle_file

// Who agreed that this face and voice become an avatar, and for what.
struct ConsentRecord {
  std::string who;
  std::string when;
  std::string scope;
  std::string source; // the footage it was trained on
};

struct Bundle {
  std::string path; // canonical, of the folder
  std::string hash; // of avatar.json, and by its hashes of everything else

  // All facts but `device` and `precision`; `hash` is the SHA-256 of
  // autoencoder.safetensors.
  AvatarInfo info;

  nlohmann::json autoencoder;   // AutoencoderConfig
  nlohmann::json speech2latent; // Speech2LatentConfig

  std::string encoder = "encoder"; // the speech encoder's folder, relative
  int encoder_layer = -1;          // hidden state; see Engine::open_speech_encoder

  std::map<std::string, std::string> files; // relative path -> SHA-256
  std::optional<ConsentRecord> consent;
  // How it was made: "held_out" (names of the clips that no weight has seen),
  // "figures", "minutes".  For people and for `daetalker evaluate`; the elements do
  // not read it.
  nlohmann::json training = nlohmann::json::object ();
};

// avatar.json without a look at any other file.  `subject` is named in errors.
// Throws Error: corrupt (malformed, a value out of range, a path that could leave
// the bundle), wrong_model (another schema version).
Bundle parse_bundle (const std::string &text, const std::string &subject);

// avatar.json in `folder`.  Every file it lists is there and lies, symbolic links
// followed, inside the folder.  Throws Error: as above, not_found, unreadable.
Bundle read_bundle (const std::string &folder);

// Reads every listed file once.  Throws Error (corrupt) naming the first whose
// SHA-256 is not the listed one, or a file of the speech encoder that is not listed: it
// might be loaded with the others.
void verify_files (const Bundle &bundle);

// The absolute path of a listed file; throws Error (not_found) if it is not listed.
std::string file_path (const Bundle &bundle, const std::string &name);

// The hashes of what lies directly in the encoder's folder, by file name.
std::map<std::string, std::string> encoder_files (const Bundle &bundle);

// Writes avatar.json for the files that lie in `folder` already (the ones of
// bundle_file, card.md, and the encoder's folder), hashed now: `path`, `hash`,
// `files`, `info.hash` and `info.path` are computed, `info.encoder_hash` is given.
// What parse_bundle would refuse is refused here, before anything is written.
// Returns what read_bundle gives.
Bundle write_bundle (const std::string &folder, Bundle bundle);

// What SpeechEncoderInfo::hash is: over the SHA-256 of config.json,
// preprocessor_config.json and *.safetensors, by file name, and the index of the
// hidden state (from 0, never negative but for all_layers).
bool covered_by_speech_encoder_hash (const std::string &file_name);
std::string speech_encoder_hash (const std::map<std::string, std::string> &files,
                                 int layer);

} // namespace daetalker
