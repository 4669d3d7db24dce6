// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/autoencoder_config.h"

#include "models/engine.h"

namespace daetalker {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT (UNetConfig, image_size, patch,
                                                 model_channels, channel_mult,
                                                 num_res_blocks, attention_resolutions,
                                                 middle_attention, embed_channels,
                                                 style_channels, dropout)

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT (SemanticEncoderConfig, image_size, patch,
                                                 model_channels, channel_mult,
                                                 num_res_blocks, attention_resolutions,
                                                 middle_attention, style_channels)

NLOHMANN_JSON_SERIALIZE_ENUM (Prediction,
                              {{Prediction::eps, "eps"}, {Prediction::x0, "x0"}})

void
to_json (nlohmann::json &json, const AutoencoderConfig &config)
{
  json = {{"unet", config.unet},
          {"encoder", config.encoder},
          {"prediction", config.prediction}};
}

void
from_json (const nlohmann::json &json, AutoencoderConfig &config)
{
  config.unet = json.value ("unet", UNetConfig ());
  config.encoder = json.value ("encoder", SemanticEncoderConfig ());
  config.prediction = json.value ("prediction", Prediction::eps);
}

namespace {

void
require (bool holds, const char *what)
{
  if (!holds)
    throw Error (ErrorCode::corrupt, "autoencoder configuration", what,
                 "Correct the networks section of avatar.json");
}

// UNet and encoder are the same pyramid.
template <typename Config>
void
validate_pyramid (const Config &config)
{
  require (config.image_size >= 8 && config.image_size <= 4096,
           "image_size lies outside 8..4096");
  require (config.patch >= 1 && config.image_size % config.patch == 0,
           "patch does not divide image_size");
  require (config.model_channels >= 1 && config.model_channels <= 4096,
           "model_channels lies outside 1..4096");
  require (config.num_res_blocks >= 1 && config.num_res_blocks <= 16,
           "num_res_blocks lies outside 1..16");
  require (config.style_channels >= 1 && config.style_channels <= 65536,
           "style_channels lies outside 1..65536");
  require (!config.channel_mult.empty () && config.channel_mult.size () <= 12,
           "channel_mult needs 1 to 12 levels");
  int side = config.image_size / config.patch;
  require (side % (1 << (config.channel_mult.size () - 1)) == 0,
           "the levels of channel_mult do not divide the picture's side");
  for (int mult : config.channel_mult) {
    require (mult >= 1 && mult <= 64, "a channel_mult lies outside 1..64");
    int channels = mult * config.model_channels;
    require (channels <= 32 || channels % 32 == 0,
             "a level's channels are no multiple of the 32 groups of GroupNorm");
  }
}

} // namespace

void
validate (const AutoencoderConfig &config)
{
  validate_pyramid (config.unet);
  validate_pyramid (config.encoder);
  require (config.unet.embed_channels >= 1 && config.unet.embed_channels <= 65536,
           "embed_channels lies outside 1..65536");
  require (config.unet.dropout >= 0 && config.unet.dropout < 1,
           "dropout lies outside [0, 1)");
  require (config.unet.style_channels == config.encoder.style_channels,
           "style_channels of UNet and encoder differ");
  require (config.unet.image_size == config.encoder.image_size,
           "image_size of UNet and encoder differ");
  require (config.unet.patch == 1 || config.prediction == Prediction::x0,
           "a patched UNet must predict x0");
}

AutoencoderConfig
ffhq256_autoencoder ()
{
  return AutoencoderConfig ();
}

AutoencoderConfig
live_autoencoder (int width)
{
  AutoencoderConfig config;
  config.prediction = Prediction::x0;

  UNetConfig &unet = config.unet;
  unet.patch = 8;
  unet.model_channels = width;
  unet.channel_mult = {1, 2, 3};
  unet.attention_resolutions = {};
  unet.middle_attention = false;
  unet.dropout = 0;

  SemanticEncoderConfig &encoder = config.encoder;
  encoder.patch = 4;
  encoder.model_channels = 32;
  encoder.channel_mult = {1, 2, 4, 8, 8};
  encoder.num_res_blocks = 1;
  encoder.attention_resolutions = {};
  encoder.middle_attention = false;
  return config;
}

} // namespace daetalker
