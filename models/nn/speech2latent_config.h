// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The shape of speech2latent.  Free of LibTorch.
#pragma once

#include "models/nn/conformer_config.h"
#include "models/nn/mouth_book_config.h"

#include <nlohmann/json.hpp>
#include <string>

namespace daetalker {

struct Speech2LatentConfig {
  int feature_size = 160; // numbers per feature frame, all hidden states together
  int hidden_states = 1;  // > 1: learned softmax-weighted sum of so many
  int rate_ratio = 2;     // feature frames per video frame
  int latent_size = 512;
  int pose_hidden = 128;     // of the pose adaptor's LSTMs
  double pose_scale = 90.0;  // degrees per unit inside the network
  ConformerConfig conformer; // `blocks` of them before and after the pose adaptor
  MouthBookConfig mouth_book;
};

// JSON keys are the field names; absent keys keep the defaults above, but for
// predicted_marks, which is 0 where it is absent.
void to_json (nlohmann::json &json, const Speech2LatentConfig &config);

// Throws Error (corrupt) for values of a wrong type or out of range.
Speech2LatentConfig parse_speech2latent_config (const ConfigReader &reader);

// nlohmann's way in, for a config inside another JSON; throws likewise.
void from_json (const nlohmann::json &json, Speech2LatentConfig &config);

} // namespace daetalker
