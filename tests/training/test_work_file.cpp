// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/work_file.h"

#include "models/engine.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace daetalker;

namespace {

// What the error says of the file, and what to do; empty if there is none.
template <typename Read>
std::string
complaint (Read read)
{
  try {
    read ();
  } catch (const Error &error) {
    EXPECT_EQ (error.code (), ErrorCode::wrong_model);
    return error.what ();
  }
  return "";
}

} // namespace

TEST (WorkFile, ReadsWhatTrainingWrote)
{
  AutoencoderConfig config;
  config.unet.model_channels = 48;
  const Metadata metadata = {{"network", nlohmann::json (config).dump ()},
                             {"minutes", std::to_string (2.5)},
                             {"encoder_done", "yes"}};
  EXPECT_EQ (network_of (metadata, "a").unet.model_channels, 48);
  EXPECT_EQ (number_of (metadata, "minutes", "a"), 2.5);
  EXPECT_EQ (entry_of (metadata, "encoder_done", "a"), "yes");
}

TEST (WorkFile, NamesTheFileThatTrainingDidNotWrite)
{
  const Metadata metadata = {{"step", "three"}, {"network", "{"}};
  for (const std::string &text :
       {complaint ([&] { entry_of (metadata, "encoder_done", "work/a.safetensors"); }),
        complaint ([&] { number_of (metadata, "step", "work/a.safetensors"); }),
        complaint ([&] { network_of (metadata, "work/a.safetensors"); })}) {
    EXPECT_NE (text.find ("work/a.safetensors"), std::string::npos) << text;
    EXPECT_NE (text.find ("Remove it"), std::string::npos) << text;
  }
}
