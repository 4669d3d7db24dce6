// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/speech_encoder.h"

#include "models/io/json.h"
#include "models/nn/logmel_conformer.h"
#include "models/nn/wav2vec2.h"
#include "models/nn/weights.h"

#include <filesystem>
#include <set>

namespace daetalker {

namespace fs = std::filesystem;

int
SpeechEncoderNet::resolve_layer (int layer) const
{
  if (layer == all_layers)
    return layer;
  const int index = layer < 0 ? hidden_states_ + layer : layer;
  if (layer < -1 || index >= hidden_states_)
    throw Error (ErrorCode::wrong_model, folder_,
                 "it has no hidden state " + std::to_string (layer),
                 "Ask for 0 to " + std::to_string (hidden_states_ - 1) +
                     ", -1 for the last, or " + std::to_string (all_layers) + " for all");
  return index;
}

int
SpeechEncoderNet::feature_size (int layer) const
{
  return resolve_layer (layer) == all_layers ? state_size_ * hidden_states_ : state_size_;
}

namespace {

// At least so many numbers does a wav2vec 2.0 of this shape have.
double
wav2vec2_weights (const Wav2Vec2Config &config)
{
  const double size = config.hidden_size;
  double needed =
      config.num_hidden_layers * size * (4 * size + 2.0 * config.intermediate_size) +
      size * size * config.num_conv_pos_embeddings / config.num_conv_pos_embedding_groups;
  double in = 1;
  for (std::size_t i = 0; i < config.conv_dim.size (); i++) {
    needed += in * config.conv_dim[i] * config.conv_kernel[i];
    in = config.conv_dim[i];
  }
  return needed;
}

class LogMelEncoder : public SpeechEncoderNet {
public:
  explicit LogMelEncoder (const LogMelConfig &config) : net_ (config)
  {
    sampling_rate_ = config.sampling_rate;
    hop_ = config.hop ();
    state_size_ = config.feature_size ();
  }

  torch::Tensor forward (const torch::Tensor &wave, int layer) override
  {
    resolve_layer (layer);
    return net_.forward (wave);
  }

  std::int64_t numbers () const override { return 0; }

  void to (torch::Device device, torch::ScalarType) override { net_.to (device); }

private:
  LogMel net_;
};

class LogMelConformerStream : public SpeechEncoderStream {
public:
  LogMelConformerStream (LogMelConformer net, int64_t left)
      : net_ (std::move (net)), past_ (net_->new_past (left))
  {
  }

  torch::Tensor go_on (const torch::Tensor &wave) override
  {
    return net_->go_on (wave, past_);
  }

private:
  LogMelConformer net_;
  LogMelConformerImpl::Past past_;
};

class LogMelConformerEncoder : public SpeechEncoderNet {
public:
  LogMelConformerEncoder (const LogMelConformerConfig &config, const TensorMap &weights,
                          const std::string &file)
      : net_ (config), is_causal_ (config.is_causal ())
  {
    sampling_rate_ = config.log_mel.sampling_rate;
    hop_ = config.log_mel.hop ();
    state_size_ = config.conformer.size;
    look_ahead_ = config.look_ahead;
    load_weights (*net_, weights, file);
    net_->eval ();
  }

  torch::Tensor forward (const torch::Tensor &wave, int layer) override
  {
    resolve_layer (layer);
    return net_->forward (wave);
  }

  std::unique_ptr<SpeechEncoderStream> open_stream (int64_t left) override
  {
    return is_causal_ ? std::make_unique<LogMelConformerStream> (net_, left) : nullptr;
  }

  std::int64_t numbers () const override { return numbers_in (*net_); }

  // In float32 whatever the type: it is small, and log-mel's range is large.
  void to (torch::Device device, torch::ScalarType) override
  {
    net_->to_device (device);
    settle (*net_);
  }

private:
  LogMelConformer net_;
  const bool is_causal_;
};

class Wav2Vec2Encoder : public SpeechEncoderNet {
public:
  Wav2Vec2Encoder (const Wav2Vec2Config &config, const TensorMap &weights,
                   const std::string &file)
      : net_ (config)
  {
    sampling_rate_ = config.sampling_rate;
    hop_ = config.hop ();
    hidden_states_ = config.num_hidden_layers + 1;
    state_size_ = config.hidden_size;
    load_weights (*net_, weights, file);
    net_->eval ();
  }

  torch::Tensor forward (const torch::Tensor &wave, int layer) override
  {
    return net_->forward (wave, resolve_layer (layer)).to (torch::kFloat32);
  }

  std::int64_t numbers () const override { return numbers_in (*net_); }

  void to (torch::Device device, torch::ScalarType type) override
  {
    net_->to (device, type);
  }

private:
  Wav2Vec2 net_;
};

// Not a path to elsewhere.
bool
is_file_name (const std::string &text)
{
  return !text.empty () && text != "." && text != ".." &&
         fs::path (text).filename () == fs::path (text);
}

// The files of a sharded checkpoint, by the index that lists them.
TensorMap
load_shards (const fs::path &folder, const std::string &index)
{
  const nlohmann::json json = read_json (index);
  const auto refuse = [&] (const std::string &reason) {
    throw Error (ErrorCode::corrupt, index, reason,
                 "Take the file again from where the model came from");
  };
  const auto map = json.is_object () ? json.find ("weight_map") : json.end ();
  if (map == json.end () || !map->is_object () || map->empty ())
    refuse ("it has no \"weight_map\"");
  std::set<std::string> files;
  for (const auto &file : *map) {
    if (!file.is_string () || !is_file_name (file.get<std::string> ()))
      refuse ("\"weight_map\" must name files of the same folder");
    files.insert (file.get<std::string> ());
  }
  TensorMap tensors;
  for (const auto &file : files)
    tensors.merge (load_tensors ((folder / file).string ()));
  return tensors;
}

TensorMap
load_checkpoint (const fs::path &folder, std::string &file)
{
  std::error_code error;
  file = (folder / "model.safetensors").string ();
  const std::string index = file + ".index.json";
  if (fs::exists (file, error))
    return load_tensors (file);
  if (fs::exists (index, error)) {
    file = index;
    return load_shards (folder, index);
  }
  throw Error (
      ErrorCode::not_found, file, "there is no such file",
      fs::exists (folder / "pytorch_model.bin", error)
          ? "Convert pytorch_model.bin to safetensors first; pickles are not read"
          : "Download it from where config.json came from");
}

} // namespace

std::unique_ptr<SpeechEncoderNet>
make_speech_encoder (const std::string &folder)
{
  const SpeechEncoderConfig config = read_speech_config (folder);
  std::unique_ptr<SpeechEncoderNet> net;
  if (const auto *log_mel = std::get_if<LogMelConfig> (&config.model)) {
    net = std::make_unique<LogMelEncoder> (*log_mel);
  } else if (const auto *small = std::get_if<LogMelConformerConfig> (&config.model)) {
    std::string file;
    const TensorMap weights = load_checkpoint (folder, file);
    require_size (conformer_weights (small->conformer), weights, file, "config.json");
    net = std::make_unique<LogMelConformerEncoder> (*small, weights, file);
  } else {
    std::string file;
    const TensorMap weights = import_wav2vec2 (load_checkpoint (folder, file), file);
    const auto &model = std::get<Wav2Vec2Config> (config.model);
    require_size (wav2vec2_weights (model), weights, file, "config.json");
    net = std::make_unique<Wav2Vec2Encoder> (model, weights, file);
  }
  net->folder_ = folder;
  net->window_ = config.window;
  return net;
}

} // namespace daetalker
