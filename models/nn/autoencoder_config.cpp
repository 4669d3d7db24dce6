// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/autoencoder_config.h"

#include "models/nn/config.h"

namespace daetalker {

namespace {

constexpr int max_width = 65536;
const std::vector<std::string> predictions = {"eps", "x0"}; // as in the enum

// UNet and encoder are the same pyramid.
template <typename Config>
void
read_pyramid (const nlohmann::json &json, const ConfigReader &reader, Config &config)
{
  config.image_size = reader.integer ("image_size", config.image_size, 8, 4096);
  config.patch = reader.integer ("patch", config.patch, 1, 256);
  config.model_channels =
      reader.integer ("model_channels", config.model_channels, 1, 4096);
  config.channel_mult = reader.integers ("channel_mult", config.channel_mult, 1, 64, 12);
  config.num_res_blocks = reader.integer ("num_res_blocks", config.num_res_blocks, 1, 16);
  const char *attention = "attention_resolutions"; // may be empty
  if (json.contains (attention) && json[attention] == nlohmann::json::array ())
    config.attention_resolutions.clear ();
  else
    config.attention_resolutions =
        reader.integers (attention, config.attention_resolutions, 1, 4096, 12);
  config.middle_attention = reader.boolean ("middle_attention", config.middle_attention);
  config.style_channels =
      reader.integer ("style_channels", config.style_channels, 1, max_width);
}

template <typename Config>
nlohmann::json
pyramid_json (const Config &config)
{
  return {{"image_size", config.image_size},
          {"patch", config.patch},
          {"model_channels", config.model_channels},
          {"channel_mult", config.channel_mult},
          {"num_res_blocks", config.num_res_blocks},
          {"attention_resolutions", config.attention_resolutions},
          {"middle_attention", config.middle_attention},
          {"style_channels", config.style_channels}};
}

// Throws where it does not hold; `source` as validate () has it.
class Requirement {
public:
  explicit Requirement (const std::string &source) : source_ (source) {}

  void operator() (bool holds, const char *what) const
  {
    if (!holds)
      throw Error (ErrorCode::corrupt, source_, what, "Correct the autoencoder's shape");
  }

private:
  const std::string source_;
};

// Of GroupNorm.
bool
divide_into_groups (int channels)
{
  return channels <= 32 || channels % 32 == 0;
}

// What no range of one number says.
template <typename Config>
void
validate_pyramid (const Config &config, const Requirement &require)
{
  require (config.patch >= 1 && config.image_size % config.patch == 0,
           "patch does not divide image_size");
  const int side = config.image_size / config.patch;
  require (!config.channel_mult.empty () &&
               side % (1 << (config.channel_mult.size () - 1)) == 0,
           "the levels of channel_mult do not divide the picture's side");
  for (const int mult : config.channel_mult) {
    require (divide_into_groups (mult * config.model_channels),
             "a level's channels are no multiple of the 32 groups of GroupNorm");
  }
}

// On the way up, a level's blocks take what they left on the way down beside their own.
void
validate_laterals (const UNetConfig &config, const Requirement &require)
{
  const std::vector<int> &mult = config.channel_mult;
  for (std::size_t level = 0; level < mult.size (); level++)
    for (std::size_t other : {level, std::max (level, std::size_t (1)) - 1})
      require (divide_into_groups ((mult[level] + mult[other]) * config.model_channels),
               "two neighbouring levels' channels together are no multiple of the 32 "
               "groups of GroupNorm");
}

} // namespace

void
to_json (nlohmann::json &json, const AutoencoderConfig &config)
{
  json = {{"unet", pyramid_json (config.unet)},
          {"prediction", predictions[std::size_t (config.prediction)]}};
  if (!config.unet.eigenfaces)
    json["encoder"] = pyramid_json (config.encoder);
  json["unet"]["embed_channels"] = config.unet.embed_channels;
  json["unet"]["dropout"] = config.unet.dropout;
  json["unet"]["references"] = config.unet.references;
  json["unet"]["eigenfaces"] = config.unet.eigenfaces;
}

AutoencoderConfig
parse_autoencoder_config (const nlohmann::json &json, const std::string &source)
{
  const ConfigReader reader (json, source);
  const auto part = [&] (const char *key) {
    return json.contains (key) ? json[key] : nlohmann::json::object ();
  };
  AutoencoderConfig config;
  const ConfigReader unet = reader.object ("unet");
  read_pyramid (part ("unet"), unet, config.unet);
  config.unet.embed_channels =
      unet.integer ("embed_channels", config.unet.embed_channels, 1, max_width);
  config.unet.dropout = unet.real ("dropout", config.unet.dropout, 0, 0.99);
  config.unet.references = unet.integer ("references", config.unet.references, 0, 64);
  config.unet.eigenfaces = unet.boolean ("eigenfaces", config.unet.eigenfaces);
  read_pyramid (part ("encoder"), reader.object ("encoder"), config.encoder);
  config.prediction = static_cast<Prediction> (
      reader.choice ("prediction", static_cast<int> (config.prediction), predictions));
  return config;
}

void
from_json (const nlohmann::json &json, AutoencoderConfig &config)
{
  config = parse_autoencoder_config (json, "autoencoder configuration");
}

void
validate (const AutoencoderConfig &config, const std::string &source)
{
  const Requirement require (source);
  validate_pyramid (config.unet, require);
  validate_laterals (config.unet, require);
  if (config.unet.eigenfaces) {
    require (config.unet.patch >= 4 && config.unet.patch % 4 == 0,
             "a UNet with eigenfaces must have a patch that 4 divides");
  } else {
    validate_pyramid (config.encoder, require);
    require (config.unet.style_channels == config.encoder.style_channels,
             "style_channels of UNet and encoder differ");
    require (config.unet.image_size == config.encoder.image_size,
             "image_size of UNet and encoder differ");
  }
  require (config.unet.patch == 1 || config.prediction == Prediction::x0,
           "a patched UNet must predict x0");
  require (config.unet.references == 0 || config.prediction == Prediction::x0,
           "a UNet with reference pictures must predict x0");
  require (!config.unet.eigenfaces || config.prediction == Prediction::x0,
           "a UNet with eigenfaces must predict x0");
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

AutoencoderConfig
eigenface_autoencoder (int width)
{
  AutoencoderConfig config = live_autoencoder (width);
  config.unet.eigenfaces = true;
  config.unet.patch = 4;
  config.unet.num_res_blocks = 1;
  return config;
}

} // namespace daetalker
