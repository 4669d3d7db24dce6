// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Stage (d) of training: a work folder becomes an avatar bundle.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "models/engine.h"
#include "models/io/bundle.h"
#include "models/studio/training/sequences.h"

namespace daetalker {

struct AvatarPacking {
  std::string name;
  std::string license;   // SPDX identifier or words
  std::string card;      // file copied to card.md; empty: a short one is written
  std::string encoder;   // folder of the speech encoder
  ConsentRecord consent; // every field must be filled
  Window window;         // of speech2latent
  nlohmann::json training = nlohmann::json::object (); // Bundle::training
};

// Throws Error (no_consent) if a field is empty: no avatar without the word of the
// person it shows.
void require_consent (const ConsentRecord &consent);

// Writes the bundle `avatar` (float16 weights) from the folder `work`.  An older
// bundle of that name is replaced when the new one is complete.
void pack_avatar (const std::string &work, const std::string &avatar,
                  const SequenceFacts &facts, const AvatarPacking &packing);

} // namespace daetalker
