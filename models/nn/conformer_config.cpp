// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/conformer_config.h"

namespace daetalker {

static const std::vector<std::string> conv_norm_names = {"batch", "layer", "group"};

ConformerConfig
torchaudio_conformer ()
{
  ConformerConfig config;
  config.pre_norm = true;
  config.relative_positions = false;
  config.scale_input = false;
  config.conv_norm = ConvNorm::batch;
  config.eps = 1e-5;
  return config;
}

ConformerConfig
espnet_conformer ()
{
  ConformerConfig config;
  config.conv_norm = ConvNorm::batch;
  return config;
}

void
to_json (nlohmann::json &json, const ConformerConfig &config)
{
  json = {
      {"size", config.size},
      {"heads", config.heads},
      {"feed_forward", config.feed_forward},
      {"kernel", config.kernel},
      {"blocks", config.blocks},
      {"dropout", config.dropout},
      {"pre_norm", config.pre_norm},
      {"relative_positions", config.relative_positions},
      {"scale_input", config.scale_input},
      {"macaron", config.macaron},
      {"convolution_first", config.convolution_first},
      {"conv_bias", config.conv_bias},
      {"causal", config.causal},
      {"conv_norm", conv_norm_names[static_cast<std::size_t> (config.conv_norm)]},
      {"eps", config.eps},
  };
}

ConformerConfig
parse_conformer_config (const ConfigReader &reader)
{
  ConformerConfig c;
  c.size = reader.integer ("size", c.size, 2, 8192);
  c.heads = reader.integer ("heads", c.heads, 1, 256);
  c.feed_forward = reader.integer ("feed_forward", c.feed_forward, 1, 65536);
  c.kernel = reader.integer ("kernel", c.kernel, 1, 1023);
  c.blocks = reader.integer ("blocks", c.blocks, 1, 64);
  c.dropout = reader.real ("dropout", c.dropout, 0, 0.99);
  c.pre_norm = reader.boolean ("pre_norm", c.pre_norm);
  c.relative_positions = reader.boolean ("relative_positions", c.relative_positions);
  c.scale_input = reader.boolean ("scale_input", c.scale_input);
  c.macaron = reader.boolean ("macaron", c.macaron);
  c.convolution_first = reader.boolean ("convolution_first", c.convolution_first);
  c.conv_bias = reader.boolean ("conv_bias", c.conv_bias);
  c.causal = reader.boolean ("causal", c.causal);
  c.conv_norm = static_cast<ConvNorm> (
      reader.choice ("conv_norm", static_cast<int> (c.conv_norm), conv_norm_names));
  c.eps = reader.real ("eps", c.eps, 0, 1);
  if (c.size % c.heads != 0)
    reader.fail ("\"size\" is not a multiple of \"heads\"");
  if (c.size % 2 != 0)
    reader.fail ("\"size\" must be even");
  if (c.kernel % 2 == 0)
    reader.fail ("\"kernel\" must be odd");
  return c;
}

double
conformer_weights (const ConformerConfig &config)
{
  const double size = config.size;
  const double feed_forwards = config.macaron ? 2 : 1;
  return config.blocks * size * (7 * size + feed_forwards * 2.0 * config.feed_forward);
}

} // namespace daetalker
