// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the engine says to avatars that it cannot take, and the shared library.
#include "models/engine/torch_engine.h"
#include "tests/models/expect_error.h"
#include "tests/models/tiny_avatar.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <limits>

using namespace daetalker;
using daetalker::test::exact;
using daetalker::test::read_text;
using daetalker::test::TemporaryFolder;
using daetalker::test::tiny_avatar;
using daetalker::test::TinyAvatar;
using daetalker::test::write_avatar;
using daetalker::test::write_text;

namespace {

void
expect_refused (const TinyAvatar &avatar, ErrorCode code, const char *reason)
{
  const TemporaryFolder folder;
  write_avatar (folder, avatar);
  EXPECT_ERROR (torch_engine ().open_avatar (folder.path (), exact, false), code, reason);
}

} // namespace

TEST (EngineErrors, NoConsent)
{
  TinyAvatar avatar = tiny_avatar ();
  avatar.bundle.consent.reset ();
  expect_refused (avatar, ErrorCode::no_consent, "consent");
  const TemporaryFolder folder;
  write_avatar (folder, avatar);
  EXPECT_NE (torch_engine ().open_avatar (folder.path (), exact, true), nullptr);
  // A copy that is in memory already is no way round.
  const auto held = torch_engine ().open_avatar (folder.path (), exact, true);
  EXPECT_ERROR (torch_engine ().open_avatar (folder.path (), exact, false),
                ErrorCode::no_consent, "consent");
}

TEST (EngineErrors, MissingAndDamagedFiles)
{
  EXPECT_ERROR (torch_engine ().open_avatar ("/nonexistent", exact, false),
                ErrorCode::not_found, "/nonexistent");
  for (const char *name :
       {bundle_file::autoencoder, bundle_file::speech2latent, bundle_file::noise}) {
    const TemporaryFolder folder;
    write_avatar (folder);
    std::string text = read_text (folder / name);
    text[text.size () - 3] ^= 0x40;
    write_text (folder / name, text);
    EXPECT_ERROR (torch_engine ().open_avatar (folder.path (), exact, false),
                  ErrorCode::corrupt, name);
    write_text (folder / name, text.substr (0, text.size () / 2));
    EXPECT_ERROR (torch_engine ().open_avatar (folder.path (), exact, false),
                  ErrorCode::corrupt, name);
  }
}

TEST (EngineErrors, WeightsThatDoNotFit)
{
  TinyAvatar avatar = tiny_avatar ();
  avatar.autoencoder_weights["unet.out.2.bias"][0] =
      std::numeric_limits<float>::quiet_NaN ();
  expect_refused (avatar, ErrorCode::corrupt, "out.2.bias");

  avatar = tiny_avatar ();
  avatar.speech2latent_weights.erase ("projection.bias");
  expect_refused (avatar, ErrorCode::wrong_model, "projection.bias");

  avatar = tiny_avatar ();
  avatar.autoencoder_weights["stray"] = torch::ones ({1});
  expect_refused (avatar, ErrorCode::wrong_model, "neither");

  avatar = tiny_avatar ();
  avatar.noise["x_T"] = torch::randn ({3, 16, 16});
  expect_refused (avatar, ErrorCode::wrong_model, "x_T");

  avatar = tiny_avatar ();
  avatar.noise["x_T"][0][0][0] = std::numeric_limits<float>::infinity ();
  expect_refused (avatar, ErrorCode::corrupt, "x_T");
}

// Networks that would not fit into any memory are refused before they are made.
TEST (EngineErrors, ConfigurationsBeyondTheirWeights)
{
  TinyAvatar avatar = tiny_avatar ();
  avatar.autoencoder.unet.model_channels = 4096;
  avatar.autoencoder.unet.channel_mult = {64, 64};
  expect_refused (avatar, ErrorCode::wrong_model, "fewer numbers");

  avatar = tiny_avatar ();
  avatar.autoencoder.unet.embed_channels = 65536;
  expect_refused (avatar, ErrorCode::wrong_model, "fewer numbers");

  avatar = tiny_avatar ();
  avatar.speech2latent.conformer.size = 1024;
  expect_refused (avatar, ErrorCode::wrong_model, "fewer numbers");

  avatar = tiny_avatar ();
  avatar.speech2latent.pose_hidden = 4096;
  expect_refused (avatar, ErrorCode::wrong_model, "fewer numbers");

  avatar = tiny_avatar ();
  avatar.speech2latent.pose_hidden = 8192;
  expect_refused (avatar, ErrorCode::corrupt, "10^9");
}

TEST (EngineErrors, LevelsThatGroupNormCannotDivideTogether)
{
  TinyAvatar avatar = tiny_avatar ();
  avatar.autoencoder.unet.model_channels = 24;
  avatar.autoencoder.unet.channel_mult = {1, 1};
  expect_refused (avatar, ErrorCode::corrupt, "groups of GroupNorm");
}

TEST (EngineErrors, FactsThatContradict)
{
  TinyAvatar avatar = tiny_avatar ();
  avatar.bundle.info.width = 64;
  expect_refused (avatar, ErrorCode::corrupt, "image_size");

  avatar = tiny_avatar ();
  avatar.bundle.info.fps = {30, 1};
  expect_refused (avatar, ErrorCode::corrupt, "feature_rate");

  avatar = tiny_avatar ();
  avatar.bundle.info.steps = {1, 37};
  expect_refused (avatar, ErrorCode::wrong_model, "avatar.json: steps=37");

  avatar = tiny_avatar ();
  avatar.autoencoder.unet.channel_mult = {1, 2, 2, 2, 2, 2};
  expect_refused (avatar, ErrorCode::corrupt, "avatar.json: the levels of channel_mult");

  avatar = tiny_avatar ();
  avatar.autoencoder.unet.patch = 0;
  expect_refused (avatar, ErrorCode::corrupt, "patch");

  avatar = tiny_avatar ();
  avatar.autoencoder.unet.style_channels = avatar.autoencoder.encoder.style_channels = 8;
  expect_refused (avatar, ErrorCode::corrupt, "style_channels");

  avatar = tiny_avatar ();
  avatar.bundle.info.encoder_hash = std::string (64, '0');
  const TemporaryFolder folder;
  write_avatar (folder, avatar);
  const auto opened = torch_engine ().open_avatar (folder.path (), exact, false);
  EXPECT_ERROR (opened->speech_encoder (), ErrorCode::wrong_model, "encoder");
}

TEST (EngineLibrary, ExportsTheFactory)
{
  const char *path = std::getenv ("DAETALKER_ENGINE");
  ASSERT_NE (path, nullptr) << "run by meson test";
  void *library = dlopen (path, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE (library, nullptr) << dlerror ();
  const auto create = reinterpret_cast<DaetalkerEngineCreate> (
      dlsym (library, "daetalker_engine_create"));
  ASSERT_NE (create, nullptr);
  EXPECT_EQ (create (engine_abi + 1), nullptr);
  ASSERT_NE (create (engine_abi), nullptr);
  EXPECT_EQ (create (engine_abi)->name (), torch_engine ().name ());
}
