// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/network_configs.h"

namespace daetalker {

NetworkConfigs
read_network_configs (const Bundle &bundle)
{
  const AvatarInfo &info = bundle.info;
  const std::string description = bundle.path + "/" + bundle_file::description;
  NetworkConfigs configs;
  configs.autoencoder = parse_autoencoder_config (bundle.autoencoder, description);
  validate (configs.autoencoder, description);
  configs.speech2latent =
      parse_speech2latent_config (ConfigReader (bundle.speech2latent, description));

  const auto require = [&] (bool holds, const char *what) {
    if (!holds)
      throw Error (ErrorCode::corrupt, description, what, "Export the avatar again");
  };
  const UNetConfig &unet = configs.autoencoder.unet;
  const Speech2LatentConfig &speech2latent = configs.speech2latent;
  require (unet.image_size == info.width && unet.image_size == info.height,
           "image_size is not the picture's width and height");
  require (unet.style_channels == info.latent_size, "style_channels is not latent_size");
  require (speech2latent.latent_size == info.latent_size,
           "speech2latent has another latent_size");
  require (speech2latent.feature_size == info.feature_size,
           "speech2latent has another feature_size");
  require (std::int64_t (info.fps.num) * info.feature_rate.den *
                   speech2latent.rate_ratio ==
               std::int64_t (info.feature_rate.num) * info.fps.den,
           "feature_rate is not rate_ratio times fps");
  return configs;
}

} // namespace daetalker
