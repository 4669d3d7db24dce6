// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/speech_encoder.h"

#include "models/engine/chunker.h"
#include "models/engine/errors.h"
#include "models/io/bundle.h"
#include "models/io/files.h"
#include "models/nn/interruption.h"

#include <cmath>
#include <filesystem>

namespace daetalker {
namespace {

class TorchFeatureStream : public FeatureStream {
public:
  TorchFeatureStream (std::shared_ptr<SpeechEncoderNet> net, const Placement &placement,
                      const Window &window, int layer, const std::string &subject)
      : net_ (std::move (net)), placement_ (placement), layer_ (layer),
        subject_ (subject), chunker_ (window, 1, net_->hop (), Chunker::Tail::zeros)
  {
  }

  void push (const float *samples, std::size_t count) override
  {
    guarded (subject_, [&] {
      finite_.assign (samples, samples + count);
      for (float &sample : finite_)
        if (!std::isfinite (sample))
          sample = 0;
      chunker_.push (finite_.data (), count);
    });
  }

  void finish () override { chunker_.finish (); }

  std::size_t pull (std::vector<float> &features, const Stop &stop) override
  {
    return guarded (subject_, [&] {
      const Interruptible interruptible (stop);
      std::size_t frames = 0;
      Chunk chunk;
      const float *samples;
      std::size_t count;
      try {
        while (chunker_.next (chunk, samples, count)) {
          interruption_point ();
          compute (chunk, samples, count, features);
          frames += std::size_t (chunk.end - chunk.begin);
        }
      } catch (const Interrupted &) {
      }
      return frames;
    });
  }

  void reset () override { chunker_.reset (); }

private:
  void compute (const Chunk &chunk, const float *samples, std::size_t count,
                std::vector<float> &features)
  {
    const Computation computation;
    const torch::Tensor wave =
        torch::from_blob (const_cast<float *> (samples), {1, std::int64_t (count)})
            .to (placement_.device);
    const torch::Tensor rows =
        net_->forward (wave, layer_)[0]
            .slice (0, chunk.begin - chunk.window_begin, chunk.end - chunk.window_begin)
            .to (torch::kCPU, torch::kFloat)
            .contiguous ();
    features.insert (features.end (), rows.data_ptr<float> (),
                     rows.data_ptr<float> () + rows.numel ());
  }

  std::shared_ptr<SpeechEncoderNet> net_;
  const Placement placement_;
  const int layer_;
  const std::string subject_;
  Chunker chunker_;
  std::vector<float> finite_;
};

class TorchSpeechEncoder : public SpeechEncoder {
public:
  TorchSpeechEncoder (std::shared_ptr<SpeechEncoderNet> net, const std::string &folder,
                      const std::map<std::string, std::string> &files, int layer,
                      const Placement &placement)
      : net_ (std::move (net)), placement_ (placement),
        layer_ (net_->resolve_layer (layer)), folder_ (folder)
  {
    info_.name = std::filesystem::path (folder).filename ();
    info_.hash = speech_encoder_hash (files, layer_);
    info_.device = placement.device_name ();
    info_.sample_rate = net_->sampling_rate ();
    info_.hop = net_->hop ();
    info_.feature_size = net_->feature_size (layer_);
    info_.window = net_->window ();
  }

  const SpeechEncoderInfo &info () const override { return info_; }

  std::unique_ptr<FeatureStream> open_stream (const Window *window) override
  {
    return std::make_unique<TorchFeatureStream> (
        net_, placement_, window ? *window : info_.window, layer_, folder_);
  }

private:
  std::shared_ptr<SpeechEncoderNet> net_;
  const Placement placement_;
  const int layer_;
  const std::string folder_;
  SpeechEncoderInfo info_;
};

} // namespace

std::map<std::string, std::string>
hash_encoder_files (const std::string &folder)
{
  std::map<std::string, std::string> files;
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator (folder, error)) {
    const std::string name = entry.path ().filename ();
    if (covered_by_speech_encoder_hash (name))
      files[name] = sha256_of_file (entry.path ());
  }
  return files;
}

std::shared_ptr<SpeechEncoderNet>
load_encoder_net (const std::string &folder, const Placement &placement)
{
  // No InferenceMode: the weights may serve training in the same process.
  const torch::NoGradGuard no_grad;
  std::shared_ptr<SpeechEncoderNet> net = make_speech_encoder (folder);
  net->to (placement.device, placement.type);
  return net;
}

std::shared_ptr<SpeechEncoder>
open_hidden_state (std::shared_ptr<SpeechEncoderNet> net, const std::string &folder,
                   const std::map<std::string, std::string> &files, int layer,
                   const Placement &placement)
{
  return std::make_shared<TorchSpeechEncoder> (std::move (net), folder, files, layer,
                                               placement);
}

} // namespace daetalker
