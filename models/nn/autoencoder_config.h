// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The shape of a diffusion autoencoder: from the published ffhq256 (Diff-AE,
// templates.py `ffhq256_autoenc`) to the small ones that a CPU renders live.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace daetalker {

// What the UNet's output is: the noise (as published) or the clean picture.  With
// a pixel-unshuffle stem only the picture can be predicted: the noise of 3*patch^2
// channels does not pass a narrower bottleneck.
enum class Prediction { eps, x0 };

struct UNetConfig {
  int image_size = 256;
  int patch = 1; // pixel-unshuffle factor of stem and head; 1 = none
  int model_channels = 128;
  std::vector<int> channel_mult = {1, 1, 2, 2, 4, 4};
  int num_res_blocks = 2; // per level on the way down; one more on the way up
  std::vector<int> attention_resolutions = {16}; // sides of feature maps
  bool middle_attention = true;
  int embed_channels = 512; // width of the time embedding
  int style_channels = 512; // size of z
  double dropout = 0.1;
  int references = 0; // pictures that the head warps (reference_warp.h); x0 only
  // z is linear in the picture, and the UNet draws what that lacks (eigenfaces.h); x0
  // only.  The encoder has no shape of its own then.
  bool eigenfaces = false;
};

struct SemanticEncoderConfig {
  int image_size = 256;
  int patch = 1;
  int model_channels = 128;
  std::vector<int> channel_mult = {1, 1, 2, 2, 4, 4, 4};
  int num_res_blocks = 2;
  std::vector<int> attention_resolutions = {16};
  bool middle_attention = true;
  int style_channels = 512;
};

struct AutoencoderConfig {
  UNetConfig unet;
  SemanticEncoderConfig encoder;
  Prediction prediction = Prediction::eps;
};

// Throws daetalker::Error (corrupt) on shapes that no network can have, though each
// number is in range: sides that the levels do not divide, parts that differ.  `source`,
// a file or options, is named in errors here and below.
void validate (const AutoencoderConfig &config, const std::string &source);

// JSON keys are the field names; absent keys keep the defaults above.
void to_json (nlohmann::json &json, const AutoencoderConfig &config);

// Throws Error (corrupt) for values of a wrong type or out of range.
AutoencoderConfig parse_autoencoder_config (const nlohmann::json &json,
                                            const std::string &source);

// nlohmann's way in, for a config inside another JSON; throws likewise.
void from_json (const nlohmann::json &json, AutoencoderConfig &config);

AutoencoderConfig ffhq256_autoencoder ();

// Shapes that two CPU cores render live, 256x256, x0-prediction, no attention.
// The picture is drawn from z alone, by pixel-unshuffle 8:
AutoencoderConfig live_autoencoder (int width);
// Eigenfaces are completed, by pixel-unshuffle 4:
AutoencoderConfig eigenface_autoencoder (int width);

} // namespace daetalker
