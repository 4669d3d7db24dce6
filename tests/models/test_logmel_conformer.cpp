// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/interruption.h"
#include "models/nn/logmel_conformer.h"
#include "models/nn/speech_encoder.h"
#include "models/nn/weights.h"

#include "tests/models/expect_error.h"
#include "tests/models/temporary_folder.h"

#include <gtest/gtest.h>
#include <torch/utils.h>

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

LogMelConformerConfig
small_and_causal ()
{
  LogMelConformerConfig config = small ();
  config.log_mel.center = false;
  config.conformer.causal = true;
  config.look_ahead = 2;
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

// However a stream is cut, it is the pass over the whole, with so much of the past.
TEST (LogMelConformer, StreamIsThePassOverTheWhole)
{
  torch::manual_seed (1);
  torch::NoGradGuard guard;
  LogMelConformer net (small_and_causal ());
  net->eval ();
  const int64_t left = 7, frames = 40, hop = 320;
  const torch::Tensor wave = 0.1 * torch::randn ({1, frames * hop});
  const torch::Tensor whole = net->forward (wave, left);
  ASSERT_EQ (whole.size (1), frames);
  const torch::Tensor heard = torch::constant_pad_nd (wave, {0, 2 * hop});
  for (const int64_t piece : {1, 3, 40}) {
    LogMelConformerImpl::Past past = net->new_past (left);
    std::vector<torch::Tensor> features;
    for (const torch::Tensor &part : heard.split (piece * hop, 1))
      features.push_back (net->go_on (part, past));
    const torch::Tensor streamed = torch::cat (features, 1);
    ASSERT_EQ (streamed.sizes (), whole.sizes ()) << piece;
    EXPECT_LT ((streamed - whole).abs ().max ().item<float> (), 1e-5) << piece;
  }
}

// A frame hears all of its look-ahead, and nothing after that; and no more of the past
// than it keeps.
TEST (LogMelConformer, CausalFrameHearsItsLookAheadAndNoMore)
{
  torch::manual_seed (1);
  torch::NoGradGuard guard;
  LogMelConformer net (small_and_causal ());
  net->eval ();
  const torch::Tensor wave = 0.1 * torch::randn ({1, 320 * 40});
  const torch::Tensor before = net->forward (wave, 3);
  const int64_t frame = 25, look_ahead = 2;
  const auto changed = [&] (int64_t begin, int64_t end) {
    torch::Tensor other = wave.clone ();
    other.narrow (1, begin, end - begin).mul_ (-3);
    return (net->forward (other, 3) - before)[0][frame].abs ().max ().item<float> ();
  };
  const int64_t heard = (frame + look_ahead + 1) * 320;
  EXPECT_GT (changed (heard - 20, heard), 1e-5);
  EXPECT_EQ (changed (heard, 320 * 40), 0);
  // Two blocks, each 3 frames of attention and 4 of convolution; an analysis window.
  EXPECT_EQ (changed (0, (frame + look_ahead - 2 * (3 + 4)) * 320 - 240), 0);
}

TEST (LogMelConformer, LookAheadNeedsACausalNetworkAndAWindow)
{
  const auto parse = [] (const nlohmann::json &json) {
    return parse_speech_config (ConfigReader (json, "config.json"),
                                ConfigReader (nlohmann::json::object (), ""),
                                "config.json");
  };
  EXPECT_EQ (parse (small_and_causal ()).window.right, 2);
  nlohmann::json json = small_and_causal ();
  json["daetalker_window"] = {{"right", 1}};
  EXPECT_ERROR (parse (json), ErrorCode::corrupt, "look_ahead");
  for (const auto &[key, value] :
       {std::pair ("/center", true), std::pair ("/conformer/causal", false)}) {
    json = small_and_causal ();
    json[nlohmann::json::json_pointer (key)] = value;
    EXPECT_ERROR (parse (json), ErrorCode::corrupt, "look_ahead");
  }
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
