// SPDX-License-Identifier: LGPL-2.1-or-later
//
// An avatar small enough for a test to write: 32x32 pixels, random weights from a
// fixed seed, a log-mel speech encoder.
#pragma once

#include "models/io/bundle.h"
#include "models/io/files.h"
#include "models/nn/semantic_encoder.h"
#include "models/nn/speech2latent.h"
#include "models/nn/unet.h"
#include "models/nn/weights.h"
#include "tests/models/temporary_folder.h"

#include <functional>
#include <torch/nn/module.h>
#include <torch/utils.h>

namespace daetalker::test {

// Where and how tests compute.
inline const DeviceOptions exact = {"cpu", "float32", 0};

// What a test wants otherwise, before anything is written.
struct TinyAvatar {
  AutoencoderConfig autoencoder;
  Speech2LatentConfig speech2latent;
  Bundle bundle;
  TensorMap autoencoder_weights, speech2latent_weights, noise;
};

inline TensorMap
random_weights (const torch::nn::Module &module, const std::string &prefix)
{
  // A fresh network's last convolutions are zero: they must count here.
  TensorMap weights;
  for (const auto &[name, tensor] : named_weights (module))
    weights[prefix + name] =
        tensor.is_floating_point () && tensor.dim () > 1
            ? torch::randn_like (tensor) /
                  std::sqrt (double (tensor.numel ()) / double (tensor.size (0)))
            : tensor.detach ().clone ();
  return weights;
}

inline TinyAvatar
tiny_avatar ()
{
  torch::NoGradGuard no_grad;
  torch::manual_seed (11);
  TinyAvatar avatar;
  AutoencoderConfig &autoencoder = avatar.autoencoder;
  autoencoder.prediction = Prediction::x0;
  autoencoder.unet.image_size = autoencoder.encoder.image_size = 32;
  autoencoder.unet.patch = autoencoder.encoder.patch = 4;
  autoencoder.unet.model_channels = autoencoder.encoder.model_channels = 32;
  autoencoder.unet.channel_mult = autoencoder.encoder.channel_mult = {1, 2};
  autoencoder.unet.num_res_blocks = autoencoder.encoder.num_res_blocks = 1;
  autoencoder.unet.attention_resolutions = autoencoder.encoder.attention_resolutions = {};
  autoencoder.unet.middle_attention = autoencoder.encoder.middle_attention = false;
  autoencoder.unet.embed_channels = 32;
  autoencoder.unet.style_channels = autoencoder.encoder.style_channels = 16;
  avatar.autoencoder_weights = random_weights (*UNet (autoencoder.unet), "unet.");
  avatar.autoencoder_weights.merge (
      random_weights (*SemanticEncoder (autoencoder.encoder), "encoder."));

  Speech2LatentConfig &speech2latent = avatar.speech2latent;
  speech2latent.feature_size = 160;
  speech2latent.latent_size = 16;
  speech2latent.pose_hidden = 8;
  speech2latent.conformer.size = 32;
  speech2latent.conformer.feed_forward = 32;
  speech2latent.conformer.kernel = 5;
  speech2latent.conformer.blocks = 1;
  avatar.speech2latent_weights = random_weights (*Speech2Latent (speech2latent), "");
  avatar.noise["x_T"] = torch::randn ({3, 32, 32});

  AvatarInfo &info = avatar.bundle.info;
  info.name = "tiny";
  info.license = "CC0-1.0";
  info.width = info.height = 32;
  info.fps = {25, 1};
  info.feature_rate = {50, 1};
  info.latent_size = 16;
  info.feature_size = 160;
  info.window = {10, 2, 2};
  info.rest_latent.assign (16, 0.25f);
  info.pose_min = {-30, -20, -10};
  info.pose_max = {30, 20, 10};
  info.steps = {1, 10};
  avatar.bundle.encoder_layer = 0;
  avatar.bundle.consent = {"nobody: random weights", "never", "tests", "none"};
  return avatar;
}

// The same with latents that are linear in the picture.
inline TinyAvatar
tiny_eigenface_avatar ()
{
  torch::NoGradGuard no_grad;
  TinyAvatar avatar = tiny_avatar ();
  avatar.autoencoder.unet.eigenfaces = true;
  avatar.autoencoder_weights = random_weights (*UNet (avatar.autoencoder.unet), "unet.");
  return avatar;
}

inline void
write_avatar (const TemporaryFolder &folder, TinyAvatar avatar = tiny_avatar ())
{
  std::filesystem::create_directories (folder / "encoder");
  write_text (folder / "encoder/config.json", R"({"model_type": "log-mel"})");
  save_tensors (folder / bundle_file::autoencoder, avatar.autoencoder_weights);
  save_tensors (folder / bundle_file::speech2latent, avatar.speech2latent_weights);
  save_tensors (folder / bundle_file::noise, avatar.noise);
  avatar.bundle.autoencoder = avatar.autoencoder;
  avatar.bundle.speech2latent = avatar.speech2latent;
  if (avatar.bundle.info.encoder_hash.empty ())
    avatar.bundle.info.encoder_hash = speech_encoder_hash (
        {{"config.json", sha256_of_file (folder / "encoder/config.json")}}, 0);
  write_bundle (folder.path (), avatar.bundle);
}

} // namespace daetalker::test
