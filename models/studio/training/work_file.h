// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What one stage of `train` leaves for the next: safetensors whose metadata say what they
// are of.  `path` is the file's name, for the errors.
#pragma once

#include "models/io/safetensors.h"
#include "models/nn/autoencoder_config.h"

namespace daetalker {

// Throw Error (wrong_model) where the file was not written by `train`.
std::string entry_of (const Metadata &metadata, const std::string &name,
                      const std::string &path);
double number_of (const Metadata &metadata, const std::string &name,
                  const std::string &path);
AutoencoderConfig network_of (const Metadata &metadata, const std::string &path);

} // namespace daetalker
