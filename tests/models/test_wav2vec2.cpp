// SPDX-License-Identifier: LGPL-2.1-or-later
//
// wav2vec 2.0 and HuBERT against transformers, in folders as downloaded; and the
// names and shapes of wav2vec2-base.
#include "tests/models/expect_error.h"
#include "tests/models/speech_fixture.h"
#include "tests/models/temporary_folder.h"

#include "models/nn/precision.h"
#include "models/nn/speech_encoder.h"
#include "models/nn/wav2vec2.h"
#include "models/nn/weights.h"

#include <fstream>
#include <sstream>
#include <torch/utils.h>

namespace daetalker {
namespace {

namespace fs = std::filesystem;

constexpr int last_layer = 3; // of the fixtures

class SpeechModelParity : public testing::TestWithParam<const char *> {
protected:
  std::string folder_ = speech_fixture (GetParam ());
  TensorMap expected_ = load_tensors (folder_ + "_expected.safetensors");

  // The network alone, on input that is normalised already.
  Wav2Vec2 network () const
  {
    auto config = std::get<Wav2Vec2Config> (read_speech_config (folder_).model);
    config.do_normalize = false;
    Wav2Vec2 net (config);
    const std::string file = folder_ + "/model.safetensors";
    load_weights (*net, import_wav2vec2 (load_tensors (file), file), file);
    net->eval ();
    return net;
  }
};

TEST_P (SpeechModelParity, EveryHiddenState)
{
  torch::NoGradGuard no_grad;
  auto net = network ();
  const auto &wave = expected_.at ("wave");
  for (int layer = 0; layer <= last_layer; layer++)
    EXPECT_LT (largest_difference (net->forward (wave, layer),
                                   expected_.at ("hidden." + std::to_string (layer))),
               float32_tolerance)
        << layer;
}

TEST_P (SpeechModelParity, AllHiddenStates)
{
  torch::NoGradGuard no_grad;
  const auto all = network ()->forward (expected_.at ("wave"), all_layers);
  const auto states = all.chunk (last_layer + 1, 2);
  for (int layer = 0; layer <= last_layer; layer++)
    EXPECT_LT (largest_difference (states[layer],
                                   expected_.at ("hidden." + std::to_string (layer))),
               float32_tolerance)
        << layer;
}

TEST_P (SpeechModelParity, InBfloat16)
{
  // Without the instructions LibTorch rounds sums as well, and the engine takes float32.
  if (!has_fast_bfloat16 ())
    GTEST_SKIP () << "this CPU has no bfloat16 arithmetic";
  torch::NoGradGuard no_grad;
  auto net = network ();
  net->to (torch::kBFloat16);
  const auto out = net->forward (expected_.at ("wave"), last_layer);
  EXPECT_EQ (out.scalar_type (), torch::kBFloat16);
  EXPECT_LT (relative_error (out, expected_.at ("hidden." + std::to_string (last_layer))),
             bfloat16_tolerance);
}

// With the utterance normalisation of preprocessor_config.json.
TEST_P (SpeechModelParity, FolderAsDownloaded)
{
  torch::NoGradGuard no_grad;
  const auto encoder = make_speech_encoder (folder_);
  EXPECT_EQ (encoder->hop (), 320);
  EXPECT_EQ (encoder->sampling_rate (), 16000);
  EXPECT_EQ (encoder->hidden_states (), last_layer + 1);
  EXPECT_EQ (encoder->feature_size (-1), 32);
  EXPECT_EQ (encoder->feature_size (all_layers), 32 * (last_layer + 1));
  EXPECT_LT (largest_difference (encoder->forward (expected_.at ("raw"), -1),
                                 expected_.at ("extracted")),
             float32_tolerance);
}

TEST_P (SpeechModelParity, FrameCounts)
{
  torch::NoGradGuard no_grad;
  const auto encoder = make_speech_encoder (folder_);
  for (const int64_t samples : {0, 1, 320, 321, 1600, 1680})
    EXPECT_EQ (encoder->forward (torch::zeros ({1, samples}), 1).sizes (),
               torch::IntArrayRef ({1, (samples + 319) / 320, 32}));
}

INSTANTIATE_TEST_SUITE_P (Upstream, SpeechModelParity,
                          testing::Values ("wav2vec2_group", "wav2vec2_layer", "hubert"),
                          [] (const auto &info) { return std::string (info.param); });

// ---- the loader ---------------------------------------------------------------

// A copy of a fixture's folder, to be damaged.
class SpeechFolder : public testing::Test {
protected:
  void copy (const std::string &name)
  {
    for (const auto &entry : fs::directory_iterator (speech_fixture (name)))
      fs::copy (entry.path (), folder_.path ());
  }
  void set (const char *key, const nlohmann::json &value)
  {
    auto config = nlohmann::json::parse (test::read_text (folder_ / "config.json"));
    config[key] = value;
    test::write_text (folder_ / "config.json", config.dump ());
  }
  std::unique_ptr<SpeechEncoderNet> make () const
  {
    return make_speech_encoder (folder_.path ().string ());
  }

  test::TemporaryFolder folder_;
  TensorMap expected_ =
      load_tensors (speech_fixture ("wav2vec2_layer_expected.safetensors"));
};

// Both spellings of the weight norm and both ways to prefix names are one model.
TEST_F (SpeechFolder, SpellingsOfTheWeightNorm)
{
  torch::NoGradGuard no_grad;
  copy ("wav2vec2_layer");
  const std::string file = folder_ / "model.safetensors";
  auto tensors = load_tensors (file);
  const std::string conv = "encoder.pos_conv_embed.conv.";
  ASSERT_TRUE (tensors.count (conv + "parametrizations.weight.original0"));
  tensors[conv + "weight_g"] =
      tensors.extract (conv + "parametrizations.weight.original0").mapped ();
  tensors[conv + "weight_v"] =
      tensors.extract (conv + "parametrizations.weight.original1").mapped ();
  TensorMap prefixed;
  add_with_prefix (prefixed, tensors, "hubert.");
  prefixed["lm_head.weight"] = torch::zeros ({3, 32});
  save_tensors (file, prefixed);
  EXPECT_LT (largest_difference (make ()->forward (expected_.at ("raw"), -1),
                                 expected_.at ("extracted")),
             float32_tolerance);
}

TEST_F (SpeechFolder, Shards)
{
  torch::NoGradGuard no_grad;
  copy ("wav2vec2_layer");
  TensorMap shards[2];
  nlohmann::json index;
  int count = 0;
  for (const auto &[name, tensor] : load_tensors (folder_ / "model.safetensors")) {
    const int shard = count++ % 2;
    shards[shard][name] = tensor.clone ();
    index["weight_map"][name] = "part-" + std::to_string (shard) + ".safetensors";
  }
  fs::remove (folder_ / "model.safetensors");
  for (const int shard : {0, 1})
    save_tensors (folder_ / ("part-" + std::to_string (shard) + ".safetensors"),
                  shards[shard]);
  const std::string file = folder_ / "model.safetensors.index.json";
  test::write_text (file, index.dump ());
  EXPECT_LT (largest_difference (make ()->forward (expected_.at ("raw"), -1),
                                 expected_.at ("extracted")),
             float32_tolerance);

  for (auto &[name, part] : index["weight_map"].items ())
    part = "../part-0.safetensors";
  test::write_text (file, index.dump ());
  EXPECT_ERROR (make (), ErrorCode::corrupt, "same folder");
  test::write_text (file, "{}");
  EXPECT_ERROR (make (), ErrorCode::corrupt, "weight_map");
}

TEST_F (SpeechFolder, Errors)
{
  copy ("wav2vec2_layer");
  set ("num_hidden_layers", 2);
  EXPECT_ERROR (make (), ErrorCode::wrong_model, "unexpected");
  set ("num_hidden_layers", 4);
  EXPECT_ERROR (make (), ErrorCode::wrong_model, "fewer numbers");
  set ("num_hidden_layers", 3);
  set ("intermediate_size", 47);
  EXPECT_ERROR (make (), ErrorCode::wrong_model, "should be");
  set ("intermediate_size", 48);
  EXPECT_NO_THROW (make ());
  set ("num_hidden_layers", 3000000);
  EXPECT_ERROR (make (), ErrorCode::corrupt, "num_hidden_layers");
  set ("num_hidden_layers", 3);
  set ("num_attention_heads", 3);
  EXPECT_ERROR (make (), ErrorCode::corrupt, "num_attention_heads");
  set ("num_attention_heads", 4);
  set ("conv_stride", {2, 2});
  EXPECT_ERROR (make (), ErrorCode::corrupt, "differ in length");
  set ("conv_stride", {60, 60, 60, 60, 60, 60, 60});
  EXPECT_ERROR (make (), ErrorCode::corrupt, "strides");
  set ("conv_stride", {5, 2, 2, 2, 2, 2, 2});
  set ("hidden_act", "relu");
  EXPECT_ERROR (make (), ErrorCode::wrong_model, "activation");
  set ("hidden_act", "gelu");
  set ("add_adapter", true);
  EXPECT_ERROR (make (), ErrorCode::wrong_model, "adapter");
  set ("add_adapter", false);
  set ("daetalker_window", {{"left", -1}});
  EXPECT_ERROR (make (), ErrorCode::corrupt, "left");
  set ("daetalker_window", {{"left", 30}, {"chunk", 5}, {"right", 4}});
  const auto encoder = make ();
  EXPECT_EQ (encoder->window ().left, 30);
  EXPECT_EQ (encoder->window ().chunk, 5);
  EXPECT_EQ (encoder->window ().right, 4);
  EXPECT_ERROR (encoder->resolve_layer (4), ErrorCode::wrong_model, "hidden state 4");
  EXPECT_ERROR (encoder->resolve_layer (-3), ErrorCode::wrong_model, "hidden state -3");
  EXPECT_EQ (encoder->resolve_layer (-1), 3);
  set ("model_type", "bert");
  EXPECT_ERROR (make (), ErrorCode::wrong_model, "bert");
  set ("model_type", "hubert");

  auto tensors = load_tensors (folder_ / "model.safetensors");
  for (auto &[name, tensor] : tensors)
    tensor = tensor.clone ();
  auto damaged = tensors;
  damaged.at ("encoder.layer_norm.bias")[3] = std::nan ("");
  save_tensors (folder_ / "model.safetensors", damaged);
  EXPECT_ERROR (make (), ErrorCode::corrupt, "NaN");
  damaged = tensors;
  damaged.erase ("encoder.pos_conv_embed.conv.parametrizations.weight.original1");
  save_tensors (folder_ / "model.safetensors", damaged);
  EXPECT_ERROR (make (), ErrorCode::wrong_model, "weight norm");

  fs::remove (folder_ / "model.safetensors");
  EXPECT_ERROR (make (), ErrorCode::not_found, "model.safetensors");
  test::write_text (folder_ / "pytorch_model.bin", "pickle");
  EXPECT_ERROR (make (), ErrorCode::not_found, "Convert");
  test::write_text (folder_ / "config.json", "{");
  EXPECT_ERROR (make (), ErrorCode::corrupt, "JSON");
  fs::remove (folder_ / "config.json");
  EXPECT_ERROR (make (), ErrorCode::not_found, "config.json");
}

TEST_F (SpeechFolder, LogMel)
{
  torch::NoGradGuard no_grad;
  test::write_text (folder_ / "config.json",
                    R"({"model_type": "log-mel", "num_mel_bins": 40, "stack": 2})");
  const auto encoder = make ();
  EXPECT_EQ (encoder->hop (), 320);
  EXPECT_EQ (encoder->feature_size (-1), 80);
  EXPECT_EQ (encoder->hidden_states (), 1);
  EXPECT_EQ (encoder->forward (torch::zeros ({1, 1000}), -1).sizes (),
             torch::IntArrayRef ({1, 4, 80}));
  set ("fft_length", 256);
  EXPECT_ERROR (make (), ErrorCode::corrupt, "fft_length");
  set ("fft_length", 512);
  set ("max_frequency", 9000);
  EXPECT_ERROR (make (), ErrorCode::corrupt, "max_frequency");
}

// ---- wav2vec2-base ------------------------------------------------------------

// Of facebook/wav2vec2-base-960h, as speech_wav2vec2_base_keys.tsv lists them.
TensorMap
base_checkpoint (int64_t &count)
{
  std::ifstream file (speech_fixture ("wav2vec2_base_keys.tsv"));
  TensorMap tensors;
  count = 0;
  for (std::string line; std::getline (file, line);) {
    if (line.empty () || line[0] == '#')
      continue;
    std::istringstream fields (line);
    std::string name, shape, side;
    fields >> name >> shape;
    std::vector<int64_t> sizes;
    std::istringstream sides (shape);
    while (std::getline (sides, side, 'x'))
      sizes.push_back (std::stoll (side));
    tensors[name] = torch::ones ({1}).expand (sizes);
    count += tensors[name].numel ();
  }
  return tensors;
}

TEST (Wav2Vec2Base, NamesAndShapes)
{
  int64_t count = 0;
  const TensorMap checkpoint = base_checkpoint (count);
  EXPECT_EQ (checkpoint.size (), 211u);
  EXPECT_EQ (count, 94371712);

  Wav2Vec2 net ((Wav2Vec2Config ()));
  const TensorMap weights = named_weights (*net);
  // Strict: the same names, the same shapes.
  EXPECT_NO_THROW (load_weights (*net, import_wav2vec2 (checkpoint, "base"), "base"));
  // Two tensors of the weight norm are one here, and the mask vector is left out.
  EXPECT_EQ (weights.size (), 209u);
  int64_t own = 0;
  for (const auto &[name, weight] : weights)
    own += weight.numel ();
  EXPECT_EQ (own + 128 + 768, 94371712);

  TensorMap wrong = checkpoint;
  wrong.erase ("wav2vec2.encoder.layers.11.final_layer_norm.bias");
  EXPECT_ERROR (load_weights (*net, import_wav2vec2 (wrong, "base"), "base"),
                ErrorCode::wrong_model, "final_layer_norm");
}

} // namespace
} // namespace daetalker
