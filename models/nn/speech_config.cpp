// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/speech_config.h"

#include "models/io/json.h"

#include <filesystem>

namespace daetalker {

// Frames of 20 ms: 2 s of past for the 2.5 s positional convolution, 200 ms of
// future.
constexpr Window wav2vec2_window = {100, 10, 10};
// An analysis window of 25 ms reaches 7.5 ms into either neighbour.
constexpr Window log_mel_window = {1, 1, 1};

// 800 ms of past, 80 ms of future.
constexpr Window log_mel_conformer_window = {40, 2, 4};

int
Wav2Vec2Config::hop () const
{
  int hop = 1;
  for (const int stride : conv_stride)
    hop *= stride;
  return hop;
}

int
Wav2Vec2Config::receptive_field () const
{
  int field = 1;
  for (std::size_t i = conv_kernel.size (); i-- > 0;)
    field = (field - 1) * conv_stride[i] + conv_kernel[i];
  return field;
}

static LogMelConfig
parse_log_mel (const ConfigReader &config)
{
  LogMelConfig c;
  c.sampling_rate = config.integer ("sampling_rate", c.sampling_rate, 4000, 192000);
  c.num_mel_bins = config.integer ("num_mel_bins", c.num_mel_bins, 1, 512);
  c.frame_length = config.integer ("frame_length", c.frame_length, 16, 2048);
  c.hop_length = config.integer ("hop_length", c.hop_length, 1, 2048);
  c.stack = config.integer ("stack", c.stack, 1, 16);
  c.center = config.boolean ("center", c.center);
  c.fft_length = config.integer ("fft_length", c.fft_length, 16, 4096);
  c.min_frequency = config.real ("min_frequency", c.min_frequency, 0, 96000);
  c.max_frequency =
      config.real ("max_frequency", c.sampling_rate / 2.0, 1, c.sampling_rate / 2.0);
  c.floor = config.real ("floor", c.floor, 1e-20, 1);
  c.mean = config.real ("mean", c.mean, -100, 100);
  c.std = config.real ("std", c.std, 1e-3, 1000);
  if (c.fft_length < c.frame_length)
    config.fail ("\"fft_length\" must not be less than \"frame_length\"");
  if (c.frame_length < c.hop_length)
    config.fail ("\"frame_length\" must not be less than \"hop_length\"");
  if (c.min_frequency >= c.max_frequency)
    config.fail ("\"min_frequency\" must be below \"max_frequency\"");
  return c;
}

static LogMelConformerConfig
parse_log_mel_conformer (const ConfigReader &config)
{
  const LogMelConformerConfig c = {parse_log_mel (config),
                                   parse_conformer_config (config.object ("conformer")),
                                   config.integer ("look_ahead", 0, 0, 1000)};
  if (conformer_weights (c.conformer) > 1e9)
    config.fail ("it asks for more than 10^9 weights");
  if (c.look_ahead > 0 && !c.is_causal ())
    config.fail ("\"look_ahead\" is for a network that sees no later frame: with "
                 "\"causal\" in \"conformer\", without \"center\" and group norm");
  return c;
}

void
to_json (nlohmann::json &json, const LogMelConformerConfig &config)
{
  const LogMelConfig &log_mel = config.log_mel;
  json = {{"model_type", "log-mel-conformer"},
          {"sampling_rate", log_mel.sampling_rate},
          {"num_mel_bins", log_mel.num_mel_bins},
          {"frame_length", log_mel.frame_length},
          {"hop_length", log_mel.hop_length},
          {"stack", log_mel.stack},
          {"center", log_mel.center},
          {"fft_length", log_mel.fft_length},
          {"min_frequency", log_mel.min_frequency},
          {"max_frequency", log_mel.max_frequency},
          {"floor", log_mel.floor},
          {"mean", log_mel.mean},
          {"std", log_mel.std},
          {"conformer", config.conformer},
          {"look_ahead", config.look_ahead}};
}

static Wav2Vec2Config
parse_wav2vec2 (const ConfigReader &config, const ConfigReader &preprocessor,
                const std::string &file)
{
  const auto need = [&] (bool supported, const std::string &what) {
    if (!supported)
      throw Error (ErrorCode::wrong_model, file, what + " is not supported",
                   "Take a wav2vec 2.0 or HuBERT model without it, such as "
                   "facebook/wav2vec2-base-960h");
  };
  Wav2Vec2Config c;
  c.model_type = config.text ("model_type", c.model_type);
  c.conv_dim = config.integers ("conv_dim", c.conv_dim, 1, 8192, 16);
  c.conv_kernel = config.integers ("conv_kernel", c.conv_kernel, 1, 64, 16);
  c.conv_stride = config.integers ("conv_stride", c.conv_stride, 1, 64, 16);
  c.conv_bias = config.boolean ("conv_bias", c.conv_bias);
  c.conv_layer_norm = config.choice ("feat_extract_norm", 0, {"group", "layer"}) == 1;
  c.feat_proj_layer_norm =
      config.boolean ("feat_proj_layer_norm", c.feat_proj_layer_norm);
  c.hidden_size = config.integer ("hidden_size", c.hidden_size, 1, 8192);
  c.num_hidden_layers = config.integer ("num_hidden_layers", c.num_hidden_layers, 1, 128);
  c.num_attention_heads =
      config.integer ("num_attention_heads", c.num_attention_heads, 1, 256);
  c.intermediate_size =
      config.integer ("intermediate_size", c.intermediate_size, 1, 65536);
  c.layer_norm_eps = config.real ("layer_norm_eps", c.layer_norm_eps, 0, 1);
  c.num_conv_pos_embeddings =
      config.integer ("num_conv_pos_embeddings", c.num_conv_pos_embeddings, 1, 1024);
  c.num_conv_pos_embedding_groups = config.integer (
      "num_conv_pos_embedding_groups", c.num_conv_pos_embedding_groups, 1, 1024);
  c.do_stable_layer_norm =
      config.boolean ("do_stable_layer_norm", c.do_stable_layer_norm);
  c.do_normalize = preprocessor.boolean ("do_normalize", c.do_normalize);
  c.sampling_rate = preprocessor.integer ("sampling_rate", c.sampling_rate, 4000, 192000);

  if (c.conv_kernel.size () != c.conv_dim.size () ||
      c.conv_stride.size () != c.conv_dim.size ())
    config.fail ("\"conv_dim\", \"conv_kernel\" and \"conv_stride\" differ in length");
  if (c.hidden_size % c.num_attention_heads != 0)
    config.fail ("\"hidden_size\" is not a multiple of \"num_attention_heads\"");
  if (c.hidden_size % c.num_conv_pos_embedding_groups != 0)
    config.fail (
        "\"hidden_size\" is not a multiple of \"num_conv_pos_embedding_groups\"");
  std::int64_t hop = 1;
  for (const int stride : c.conv_stride)
    if ((hop *= stride) > c.sampling_rate)
      config.fail ("the strides leave less than one feature frame a second");
  need (config.text ("hidden_act", "gelu") == "gelu", "an activation other than gelu");
  need (config.text ("feat_extract_activation", "gelu") == "gelu",
        "an activation other than gelu");
  need (!config.boolean ("add_adapter", false), "an adapter (add_adapter)");
  need (!config.has ("adapter_attn_dim"), "an attention adapter (adapter_attn_dim)");
  need (!config.boolean ("conv_pos_batch_norm", false),
        "a positional batch norm (conv_pos_batch_norm)");
  return c;
}

SpeechEncoderConfig
parse_speech_config (const ConfigReader &config, const ConfigReader &preprocessor,
                     const std::string &file)
{
  SpeechEncoderConfig result;
  const std::string type = config.text ("model_type", "");
  if (type == "log-mel") {
    result.model = parse_log_mel (config);
    result.window = log_mel_window;
  } else if (type == "log-mel-conformer") {
    const LogMelConformerConfig model = parse_log_mel_conformer (config);
    result.model = model;
    result.window = log_mel_conformer_window;
    if (model.is_causal ())
      result.window.right = model.look_ahead;
  } else if (type == "wav2vec2" || type == "hubert") {
    result.model = parse_wav2vec2 (config, preprocessor, file);
    result.window = wav2vec2_window;
  } else {
    throw Error (ErrorCode::wrong_model, file,
                 type.empty () ? "it names no \"model_type\""
                               : "the model type \"" + type + "\" is not supported",
                 "Take a model of the type wav2vec2, hubert, log-mel or "
                 "log-mel-conformer");
  }
  const ConfigReader window = config.object ("daetalker_window");
  result.window.left = window.integer ("left", result.window.left, 0, 100000);
  result.window.chunk = window.integer ("chunk", result.window.chunk, 0, 100000);
  result.window.right = window.integer ("right", result.window.right, 0, 100000);
  const auto *conformer = std::get_if<LogMelConformerConfig> (&result.model);
  if (conformer != nullptr && result.window.right < conformer->look_ahead)
    config.fail ("the \"right\" of \"daetalker_window\" is less than \"look_ahead\"");
  return result;
}

SpeechEncoderConfig
read_speech_config (const std::string &folder)
{
  const std::filesystem::path path (folder);
  const std::string file = (path / "config.json").string ();
  const std::string preprocessor = (path / "preprocessor_config.json").string ();
  std::error_code error;
  return parse_speech_config (
      ConfigReader (read_json (file), file),
      std::filesystem::exists (preprocessor, error)
          ? ConfigReader (read_json (preprocessor), preprocessor)
          : ConfigReader (nlohmann::json::object (), preprocessor),
      file);
}

} // namespace daetalker
