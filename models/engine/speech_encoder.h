// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Speech encoders of engine.h on LibTorch.
#pragma once

#include "models/engine.h"
#include "models/engine/placement.h"
#include "models/nn/speech_encoder.h"

#include <map>
#include <memory>
#include <string>

namespace daetalker {

// The SHA-256 of each file that speech_encoder_hash covers in `folder`, by name.
std::map<std::string, std::string> hash_encoder_files (const std::string &folder);

// The network in `folder`, where `placement` says; all its hidden states.
std::shared_ptr<SpeechEncoderNet> load_encoder_net (const std::string &folder,
                                                    const Placement &placement);

// One hidden state of a network that was loaded from `folder`, whose files have the
// given hashes.  `layer` as for Engine::open_speech_encoder; throws Error
// (wrong_model) if there is none of that index.
std::shared_ptr<SpeechEncoder>
open_hidden_state (std::shared_ptr<SpeechEncoderNet> net, const std::string &folder,
                   const std::map<std::string, std::string> &files, int layer,
                   const Placement &placement);

} // namespace daetalker
