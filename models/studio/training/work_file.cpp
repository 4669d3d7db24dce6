// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/work_file.h"

#include "models/engine.h"

#include <nlohmann/json.hpp>

namespace daetalker {

namespace {

[[noreturn]] void
refuse (const std::string &name, const std::string &path)
{
  throw Error (ErrorCode::wrong_model, path,
               "its metadata do not tell the " + name + ", so `train` did not write it",
               "Remove it and run the stage again that writes it");
}

nlohmann::json
parsed (const Metadata &metadata, const std::string &name, const std::string &path)
{
  auto value = nlohmann::json::parse (entry_of (metadata, name, path), nullptr, false);
  if (value.is_discarded ())
    refuse (name, path);
  return value;
}

} // namespace

std::string
entry_of (const Metadata &metadata, const std::string &name, const std::string &path)
{
  const auto found = metadata.find (name);
  if (found == metadata.end ())
    refuse (name, path);
  return found->second;
}

double
number_of (const Metadata &metadata, const std::string &name, const std::string &path)
{
  const nlohmann::json value = parsed (metadata, name, path);
  if (!value.is_number ())
    refuse (name, path);
  return value.get<double> ();
}

AutoencoderConfig
network_of (const Metadata &metadata, const std::string &path)
{
  return parse_autoencoder_config (parsed (metadata, "network", path), path);
}

} // namespace daetalker
