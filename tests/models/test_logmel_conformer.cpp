// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/interruption.h"
#include "models/nn/logmel_conformer.h"
#include "models/nn/speech_encoder.h"
#include "models/nn/weights.h"

#include "tests/models/expect_error.h"
#include "tests/models/temporary_folder.h"

#include <gtest/gtest.h>

using namespace daetalker;
using daetalker::test::TemporaryFolder;
using daetalker::test::write_text;

namespace {

LogMelConformerConfig
small ()
{
  LogMelConformerConfig config;
  config.conformer.size = 16;
  config.conformer.heads = 2;
  config.conformer.feed_forward = 24;
  config.conformer.kernel = 5;
  config.conformer.blocks = 2;
  return config;
}

void
write_encoder (const TemporaryFolder &folder, const LogMelConformerConfig &config,
               LogMelConformer &net)
{
  nlohmann::json json = config;
  json["daetalker_window"] = {{"left", 7}, {"chunk", 3}, {"right", 2}};
  write_text (folder / "config.json", json.dump ());
  save_tensors (folder / "model.safetensors", named_weights (*net));
}

} // namespace

TEST (LogMelConformer, LoadsFromItsFolder)
{
  torch::manual_seed (1);
  torch::NoGradGuard guard;
  const TemporaryFolder folder;
  LogMelConformer net (small ());
  net->eval ();
  write_encoder (folder, small (), net);
  const auto encoder = make_speech_encoder (folder.path ());
  EXPECT_EQ (encoder->hop (), 320);
  EXPECT_EQ (encoder->feature_size (-1), 16);
  EXPECT_EQ (encoder->window ().left, 7);
  EXPECT_EQ (encoder->window ().chunk, 3);
  EXPECT_EQ (encoder->window ().right, 2);
  const torch::Tensor wave = 0.1 * torch::randn ({2, 3333});
  const torch::Tensor features = encoder->forward (wave, -1);
  EXPECT_EQ (features.sizes (), torch::IntArrayRef ({2, 11, 16}));
  EXPECT_TRUE (features.equal (net->forward (wave)));
}

// A pass is left between two blocks, and the next one is whole.
TEST (LogMelConformer, CanBeInterrupted)
{
  torch::manual_seed (1);
  torch::NoGradGuard guard;
  LogMelConformer net (small ());
  net->eval ();
  const torch::Tensor wave = 0.1 * torch::randn ({1, 3200});
  const torch::Tensor whole = net->forward (wave);
  int asked = 0;
  {
    const Stop at_second = [&asked] {
      return ++asked == 2;
    };
    const Interruptible interruptible (at_second);
    EXPECT_THROW (net->forward (wave), Interrupted);
    EXPECT_EQ (asked, 2);
    EXPECT_TRUE (net->forward (wave).equal (whole));
  }
  EXPECT_TRUE (net->forward (wave).equal (whole));
  EXPECT_EQ (asked, 4);
}

TEST (LogMelConformer, OtherWeightsAreRefused)
{
  const TemporaryFolder folder;
  LogMelConformerConfig config = small ();
  LogMelConformer net (config);
  config.conformer.blocks = 60;
  write_encoder (folder, config, net);
  EXPECT_ERROR (make_speech_encoder (folder.path ()), ErrorCode::wrong_model,
                "fewer numbers");
  config = small ();
  config.conformer.kernel = 7;
  write_encoder (folder, config, net);
  EXPECT_ERROR (make_speech_encoder (folder.path ()), ErrorCode::wrong_model,
                "depthwise");
}

TEST (LogMelConformer, AbsurdShapesAreRefused)
{
  const TemporaryFolder folder;
  write_text (folder / "config.json",
              R"({"model_type": "log-mel-conformer",
                  "conformer": {"size": 8192, "feed_forward": 65536, "blocks": 64}})");
  EXPECT_ERROR (make_speech_encoder (folder.path ()), ErrorCode::corrupt, "10^9");
}
