// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/speech2latent_config.h"

namespace daetalker {

void
to_json (nlohmann::json &json, const Speech2LatentConfig &config)
{
  json = {
      {"feature_size", config.feature_size}, {"hidden_states", config.hidden_states},
      {"rate_ratio", config.rate_ratio},     {"latent_size", config.latent_size},
      {"pose_hidden", config.pose_hidden},   {"pose_scale", config.pose_scale},
      {"conformer", config.conformer},
  };
  if (config.mouth_book.pages > 0)
    json["mouth_book"] = {{"pages", config.mouth_book.pages},
                          {"marks", config.mouth_book.marks},
                          {"predicted_marks", config.mouth_book.predicted_marks},
                          {"gain", config.mouth_book.gain},
                          {"continuity", config.mouth_book.continuity}};
}

static MouthBookConfig
parse_mouth_book (const ConfigReader &reader, int latent_size)
{
  MouthBookConfig c;
  c.pages = reader.integer ("pages", c.pages, 1, 1 << 20);
  c.marks = reader.integer ("marks", c.marks, 1, latent_size);
  // Books were written before there was any.
  c.predicted_marks = reader.integer ("predicted_marks", 0, 0, c.marks);
  c.gain = reader.real ("gain", c.gain, 0, 10);
  c.continuity = reader.real ("continuity", c.continuity, 0, 100);
  return c;
}

Speech2LatentConfig
parse_speech2latent_config (const ConfigReader &reader)
{
  Speech2LatentConfig c;
  c.feature_size = reader.integer ("feature_size", c.feature_size, 1, 1 << 20);
  c.hidden_states = reader.integer ("hidden_states", c.hidden_states, 1, 256);
  c.rate_ratio = reader.integer ("rate_ratio", c.rate_ratio, 1, 16);
  c.latent_size = reader.integer ("latent_size", c.latent_size, 1, 65536);
  c.pose_hidden = reader.integer ("pose_hidden", c.pose_hidden, 1, 8192);
  c.pose_scale = reader.real ("pose_scale", c.pose_scale, 0.1, 360);
  c.conformer = parse_conformer_config (reader.object ("conformer"));
  if (reader.has ("mouth_book"))
    c.mouth_book = parse_mouth_book (reader.object ("mouth_book"), c.latent_size);
  // Published ones have 3e7 weights.
  const double ends =
      c.conformer.size * (3.0 * c.feature_size * c.rate_ratio + c.latent_size);
  const double book = c.mouth_book.pages > 0
                          ? (double (c.mouth_book.pages) + c.latent_size) *
                                (c.latent_size + c.mouth_book.marks)
                          : 0;
  const double pose = 24.0 * c.pose_hidden * c.pose_hidden; // two LSTMs of two layers
  if (2 * conformer_weights (c.conformer) + ends + book + pose > 1e9)
    reader.fail ("it asks for more than 10^9 weights");
  if (c.feature_size % c.hidden_states != 0)
    reader.fail ("\"feature_size\" is not a multiple of \"hidden_states\"");
  return c;
}

void
from_json (const nlohmann::json &json, Speech2LatentConfig &config)
{
  config =
      parse_speech2latent_config (ConfigReader (json, "speech2latent configuration"));
}

} // namespace daetalker
