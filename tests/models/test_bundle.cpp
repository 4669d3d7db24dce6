// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/io/bundle.h"

#include "models/io/files.h"
#include "models/io/json.h"
#include "tests/models/expect_error.h"
#include "tests/models/temporary_folder.h"

#include <filesystem>
#include <functional>
#include <gtest/gtest.h>

using namespace daetalker;
using daetalker::test::read_text;
using daetalker::test::TemporaryFolder;
using daetalker::test::write_text;
using nlohmann::json;

namespace {

Bundle
example ()
{
  Bundle bundle;
  AvatarInfo &info = bundle.info;
  info.name = "test";
  info.license = "CC0-1.0";
  info.width = 32;
  info.height = 16;
  info.fps = {30000, 1001};
  info.latent_size = 4;
  info.feature_size = 6;
  info.feature_rate = {50, 1};
  info.window = {9, 1, 2};
  info.rest_latent = {1, 2, 3, 0.5f};
  info.rest_pose = {1, -2, 3};
  info.pose_min = {-10, -20, -30};
  info.pose_max = {10, 20, 30};
  info.steps = {1, 10, 20};
  info.encoder_hash = sha256 ("", 0);
  bundle.autoencoder = {{"prediction", "x0"}};
  bundle.speech2latent = {{"width", 8}};
  bundle.encoder_layer = 3;
  bundle.consent = {"A. Speaker", "2026-11-23", "tests", "synthetic"};
  bundle.info.idle = {12.5, {{0.25f, -0.5f, 0, 1}, {0, 0, 0, 0.125f}}, {0.5f, 0.25f, 1}};
  return bundle;
}

void
write_files (const TemporaryFolder &folder)
{
  for (const char *name :
       {"autoencoder.safetensors", "speech2latent.safetensors", "noise.safetensors"})
    write_text (folder / name, std::string ("content of ") + name);
  std::filesystem::create_directory (folder / "encoder");
  write_text (folder / "encoder/config.json", "{}");
}

std::string
description (const TemporaryFolder &folder)
{
  return folder / "avatar.json";
}

} // namespace

TEST (Bundle, ComesBackAsWritten)
{
  const TemporaryFolder folder;
  write_files (folder);
  write_bundle (folder.path (), example ());
  EXPECT_EQ (folder.entries (), 6u) << "a temporary file was left";

  const Bundle expected = example (), bundle = read_bundle (folder.path ());
  verify_files (bundle);
  EXPECT_EQ (bundle.info.name, expected.info.name);
  EXPECT_EQ (bundle.info.license, expected.info.license);
  EXPECT_EQ (bundle.info.width, 32);
  EXPECT_EQ (bundle.info.height, 16);
  EXPECT_EQ (bundle.info.fps.num, 30000);
  EXPECT_EQ (bundle.info.fps.den, 1001);
  EXPECT_EQ (bundle.info.feature_rate.num, 50);
  EXPECT_EQ (bundle.info.latent_size, 4);
  EXPECT_EQ (bundle.info.feature_size, 6);
  EXPECT_EQ (bundle.info.window.left, 9);
  EXPECT_EQ (bundle.info.window.chunk, 1);
  EXPECT_EQ (bundle.info.window.right, 2);
  EXPECT_EQ (bundle.info.rest_latent, expected.info.rest_latent);
  EXPECT_EQ (bundle.info.rest_pose, expected.info.rest_pose);
  EXPECT_EQ (bundle.info.pose_min, expected.info.pose_min);
  EXPECT_EQ (bundle.info.pose_max, expected.info.pose_max);
  EXPECT_EQ (bundle.info.steps, expected.info.steps);
  EXPECT_EQ (bundle.info.hash, sha256_of_file (folder / "autoencoder.safetensors"));
  EXPECT_EQ (bundle.info.encoder_hash, expected.info.encoder_hash);
  EXPECT_EQ (bundle.info.path, bundle.path);
  EXPECT_EQ (bundle.autoencoder, expected.autoencoder);
  EXPECT_EQ (bundle.speech2latent, expected.speech2latent);
  EXPECT_EQ (bundle.encoder_layer, 3);
  EXPECT_EQ (bundle.consent->who, "A. Speaker");
  EXPECT_EQ (bundle.consent->source, "synthetic");
  EXPECT_EQ (bundle.info.idle.blinks_per_minute, expected.info.idle.blinks_per_minute);
  EXPECT_EQ (bundle.info.idle.blink, expected.info.idle.blink);
  EXPECT_EQ (bundle.info.idle.sway, expected.info.idle.sway);
  EXPECT_EQ (bundle.files.size (), 4u);
  EXPECT_EQ (read_text (file_path (bundle, "encoder/config.json")), "{}");
  EXPECT_ERROR (file_path (bundle, "other"), ErrorCode::not_found, "does not list");
}

TEST (Bundle, ChangedByteIsNamed)
{
  for (const char *name : {"autoencoder.safetensors", "noise.safetensors",
                           "speech2latent.safetensors", "encoder/config.json"}) {
    const TemporaryFolder folder;
    write_files (folder);
    const Bundle bundle = write_bundle (folder.path (), example ());
    std::string text = read_text (folder / name);
    text[text.size () / 2] ^= 1;
    write_text (folder / name, text);
    EXPECT_ERROR (verify_files (bundle), ErrorCode::corrupt, name);
  }
}

TEST (Bundle, TheEncoderIsWhatIsListed)
{
  const TemporaryFolder folder;
  write_files (folder);
  const Bundle bundle = write_bundle (folder.path (), example ());
  write_text (folder / "encoder/notes.txt", "of no account");
  verify_files (bundle);
  for (const char *name : {"model.safetensors", "preprocessor_config.json",
                           "model.safetensors.index.json"}) {
    write_text (folder / (std::string ("encoder/") + name), "{}");
    EXPECT_ERROR (verify_files (bundle), ErrorCode::corrupt, name);
    std::filesystem::remove (folder / (std::string ("encoder/") + name));
  }
}

TEST (Bundle, MissingFilesAreNamed)
{
  const TemporaryFolder folder;
  EXPECT_ERROR (read_bundle (folder / "absent"), ErrorCode::not_found, "absent");
  EXPECT_ERROR (read_bundle (folder.path ()), ErrorCode::not_found, "avatar.json");
  write_files (folder);
  write_bundle (folder.path (), example ());
  std::filesystem::remove (folder / "noise.safetensors");
  EXPECT_ERROR (read_bundle (folder.path ()), ErrorCode::not_found, "noise.safetensors");
  EXPECT_ERROR (read_bundle (description (folder)), ErrorCode::not_found, "avatar.json");
}

TEST (Bundle, LinksMayNotLeaveIt)
{
  const TemporaryFolder folder, elsewhere;
  write_files (folder);
  const Bundle bundle = write_bundle (folder.path (), example ());
  write_text (elsewhere / "noise", "content of noise.safetensors");

  std::filesystem::rename (folder / "noise.safetensors", folder / "noise-1");
  std::filesystem::create_symlink ("noise-1", folder / "noise.safetensors");
  verify_files (read_bundle (folder.path ())); // a link inside is as good as a file

  std::filesystem::remove (folder / "noise.safetensors");
  std::filesystem::create_symlink (elsewhere / "noise", folder / "noise.safetensors");
  EXPECT_ERROR (read_bundle (folder.path ()), ErrorCode::corrupt, "out of the bundle");

  // A sibling whose name begins with the bundle's is outside as well.
  const std::string sibling = folder.path ().string () + "-sibling";
  write_text (sibling, "x");
  std::filesystem::remove (folder / "noise.safetensors");
  std::filesystem::create_symlink (sibling, folder / "noise.safetensors");
  EXPECT_ERROR (read_bundle (folder.path ()), ErrorCode::corrupt, "out of the bundle");
  std::filesystem::remove (sibling);
}

TEST (Bundle, WithoutConsentIsReadAndSaysSo)
{
  const TemporaryFolder folder;
  write_files (folder);
  Bundle bundle = example ();
  bundle.consent.reset ();
  EXPECT_FALSE (write_bundle (folder.path (), bundle).consent.has_value ());
}

TEST (Bundle, RefusesToWriteWhatCannotBeRead)
{
  const TemporaryFolder folder;
  write_files (folder);
  Bundle bundle = example ();
  bundle.info.rest_latent.pop_back ();
  EXPECT_ERROR (write_bundle (folder.path (), bundle), ErrorCode::corrupt, "rest_latent");
  bundle = example ();
  bundle.info.name = "\xff";
  EXPECT_ERROR (write_bundle (folder.path (), bundle), ErrorCode::failed, "UTF-8");
  EXPECT_FALSE (std::filesystem::exists (description (folder)));
}

namespace {

struct Damage {
  const char *name;
  std::function<void (json &)> apply;
  ErrorCode code;
  const char *reason;
};

Damage
set (const char *name, const char *pointer, json value, const char *reason)
{
  return {name, [=] (json &root) { root[json::json_pointer (pointer)] = value; },
          ErrorCode::corrupt, reason};
}

class DamagedBundle : public testing::TestWithParam<Damage> {};

} // namespace

TEST_P (DamagedBundle, IsRefused)
{
  const TemporaryFolder folder;
  write_files (folder);
  write_bundle (folder.path (), example ());
  json root = read_json (description (folder));
  GetParam ().apply (root);
  EXPECT_ERROR (parse_bundle (root.dump (), "avatar"), GetParam ().code,
                GetParam ().reason);
}

INSTANTIATE_TEST_SUITE_P (
    Values, DamagedBundle,
    testing::Values (
        Damage{"NewerSchema", [] (json &root) { root["schema"] = 2; },
               ErrorCode::wrong_model, "version 2"},
        set ("TextSchema", "/schema", "1", "schema"),
        set ("WidthZero", "/width", 0, "width"),
        set ("WidthHuge", "/width", 1 << 20, "width"),
        set ("WidthFraction", "/width", 32.5, "width"),
        set ("HeightText", "/height", "16", "height"),
        set ("FpsZero", "/fps", {0, 1}, "fps"), set ("FpsByZero", "/fps", {25, 0}, "fps"),
        set ("FpsOneNumber", "/fps", {25}, "fps"),
        set ("FpsHuge", "/fps", {5000, 1}, "fps"),
        set ("LatentHuge", "/latent_size", 1 << 30, "latent_size"),
        set ("RestShort", "/rest_latent", {1, 2, 3}, "rest_latent"),
        set ("RestText", "/rest_latent", {1, 2, 3, "4"}, "rest_latent"),
        set ("RestHuge", "/rest_latent", {1, 2, 3, 1e300}, "rest_latent"),
        set ("PoseOfFour", "/rest_pose", {1, 2, 3, 4}, "rest_pose"),
        set ("WindowNegative", "/window/left", -1, "left"),
        set ("WindowHuge", "/window/right", 1 << 30, "right"),
        set ("StepsEmpty", "/steps", json::array (), "steps"),
        set ("StepsDescend", "/steps", {20, 1}, "ascend"),
        set ("StepsTwice", "/steps", {1, 1}, "ascend"),
        set ("AutoencoderText", "/autoencoder", "x", "object"),
        set ("EncoderAbsolute", "/encoder/path", "/etc", "inside the bundle"),
        set ("EncoderUp", "/encoder/path", "a/../../b", "inside the bundle"),
        set ("EncoderElsewhere", "/encoder/path", "other", "other/config.json"),
        set ("EncoderHash", "/encoder/hash", "abc", "SHA-256"),
        set ("EncoderLayer", "/encoder/layer", -3, "layer"),
        set ("FileHash", "/files/noise.safetensors", std::string (64, 'G'), "SHA-256"),
        set ("ConsentEmpty", "/consent/who", "", "consent"),
        set ("ConsentText", "/consent", "yes", "object"),
        Damage{"ConsentWithoutSource",
               [] (json &root) { root["consent"].erase ("source"); }, ErrorCode::corrupt,
               "source"},
        set ("BlinkShort", "/idle/blink", {{1, 2, 3}}, "blink"),
        set ("BlinkFlat", "/idle/blink", {1, 2, 3, 4}, "blink"),
        set ("BlinkEndless", "/idle/blink", std::vector<std::vector<int>> (251, {1, 2, 3, 4}),
             "at most 250"),
        set ("BlinksNegative", "/idle/blinks_per_minute", -1, "blinks_per_minute"),
        set ("SwayOfTwo", "/idle/sway", {1, 2}, "sway"),
        Damage{"FileUp",
               [] (json &root) { root["files"]["../x"] = std::string (64, '0'); },
               ErrorCode::corrupt, "inside the bundle"},
        Damage{"FileAbsolute",
               [] (json &root) { root["files"]["/etc/passwd"] = std::string (64, '0'); },
               ErrorCode::corrupt, "inside the bundle"},
        Damage{"FileIsFolder",
               [] (json &root) { root["files"]["x/"] = std::string (64, '0'); },
               ErrorCode::corrupt, "inside the bundle"},
        Damage{"FileWithNul",
               [] (json &root) {
                 root["files"][std::string ("a\0b", 3)] = std::string (64, '0');
               },
               ErrorCode::corrupt, "inside the bundle"},
        Damage{"NoNoise", [] (json &root) { root["files"].erase ("noise.safetensors"); },
               ErrorCode::corrupt, "noise.safetensors"}),
    [] (const auto &info) { return info.param.name; });

TEST (Bundle, EveryFieldIsRequired)
{
  const TemporaryFolder folder;
  write_files (folder);
  write_bundle (folder.path (), example ());
  const json root = read_json (description (folder));
  for (const auto &[key, value] : root.items ()) {
    if (key == "consent" || key == "idle")
      continue;
    json without = root;
    without.erase (key);
    EXPECT_ERROR (parse_bundle (without.dump (), "avatar"), ErrorCode::corrupt, key);
  }
}

TEST (Json, RefusesWhatCannotBeWalked)
{
  const std::string deep (100000, '[');
  EXPECT_ERROR (parse_json (deep, "x"), ErrorCode::corrupt, "deeply");
  EXPECT_ERROR (parse_json ("{", "x"), ErrorCode::corrupt, "not JSON");
  EXPECT_ERROR (parse_json ("", "x"), ErrorCode::corrupt, "not JSON");
  EXPECT_ERROR (parse_json ("[1e999]", "x"), ErrorCode::corrupt, "out of range");
  EXPECT_ERROR (parse_json (std::string ((16u << 20) + 1, ' '), "x"), ErrorCode::corrupt,
                "too large");
  EXPECT_EQ (parse_json ("[1]", "x")[0], 1);
}

TEST (SpeechEncoderHash, CoversWhatChangesFeatures)
{
  const std::map<std::string, std::string> files = {
      {"config.json", "a"}, {"model.safetensors", "b"}, {"README.md", "c"}};
  const std::string hash = speech_encoder_hash (files, 1);
  EXPECT_EQ (hash.size (), 64u);
  EXPECT_NE (speech_encoder_hash (files, 2), hash);
  for (const char *name : {"config.json", "model.safetensors"}) {
    auto changed = files;
    changed[name] = "z";
    EXPECT_NE (speech_encoder_hash (changed, 1), hash) << name;
  }
  auto changed = files;
  changed["README.md"] = "z";
  EXPECT_EQ (speech_encoder_hash (changed, 1), hash);
}
