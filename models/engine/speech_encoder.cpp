// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/speech_encoder.h"

#include "models/engine/chunker.h"
#include "models/engine/errors.h"
#include "models/io/bundle.h"
#include "models/io/files.h"
#include "models/nn/interruption.h"

#include <cmath>
#include <filesystem>
#include <torch/utils.h>

namespace daetalker {
namespace {

class TorchFeatureStream : public FeatureStream {
public:
  TorchFeatureStream (std::shared_ptr<SpeechEncoderNet> net, const Placement &placement,
                      const Window &window, int layer, const std::string &subject)
      : net_ (std::move (net)), placement_ (placement), window_ (window), layer_ (layer),
        subject_ (subject), stream_ (new_stream ()),
        chunker_ (to_compute (), 1, net_->hop (), Chunker::Tail::zeros)
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

  void reset () override
  {
    chunker_.reset ();
    stream_ = new_stream ();
  }

private:
  // One pass over everything needs no memory.
  std::unique_ptr<SpeechEncoderStream> new_stream () const
  {
    return window_.chunk > 0 ? net_->open_stream (window_.left) : nullptr;
  }

  // What was computed of the past is not computed again.
  Window to_compute () const
  {
    return stream_ ? Window{0, window_.chunk, window_.right} : window_;
  }

  void compute (const Chunk &chunk, const float *samples, std::size_t count,
                std::vector<float> &features)
  {
    const Computation computation (placement_);
    const torch::Tensor wave =
        torch::from_blob (const_cast<float *> (samples), {1, std::int64_t (count)})
            .to (placement_.device);
    const torch::Tensor rows = (stream_ ? go_on (chunk, wave)
                                        : net_->forward (wave, layer_)
                                              .slice (1, chunk.begin - chunk.window_begin,
                                                      chunk.end - chunk.window_begin))
                                   .to (torch::kCPU, torch::kFloat)
                                   .contiguous ();
    features.insert (features.end (), rows.data_ptr<float> (),
                     rows.data_ptr<float> () + rows.numel ());
  }

  // `wave` begins with the chunk and reaches at least look_ahead frames beyond it; so
  // much of it was heard with the chunk before, if there was one.
  torch::Tensor go_on (const Chunk &chunk, const torch::Tensor &wave)
  {
    const int ahead = net_->look_ahead ();
    const std::int64_t heard = chunk.begin > 0 ? ahead : 0;
    const std::int64_t hop = net_->hop ();
    return stream_->go_on (
        wave.slice (1, heard * hop, (chunk.end - chunk.begin + ahead) * hop));
  }

  std::shared_ptr<SpeechEncoderNet> net_;
  const Placement placement_;
  const Window window_;
  const int layer_;
  const std::string subject_;
  std::unique_ptr<SpeechEncoderStream> stream_; // none: each window by itself
  Chunker chunker_;
  std::vector<float> finite_;
};

class TorchSpeechEncoder : public SpeechEncoder {
public:
  TorchSpeechEncoder (std::shared_ptr<SpeechEncoderNet> net, const std::string &folder,
                      const std::map<std::string, std::string> &files, int layer,
                      const Placement &placement)
      : net_ (std::move (net)),
        placement_ (placement_for_speech (placement, net_->numbers ())),
        layer_ (net_->resolve_layer (layer)), folder_ (folder)
  {
    info_.name = std::filesystem::path (folder).filename ();
    info_.hash = speech_encoder_hash (files, layer_);
    info_.device = placement_.device_name ();
    info_.sample_rate = net_->sampling_rate ();
    info_.hop = net_->hop ();
    info_.feature_size = net_->feature_size (layer_);
    info_.window = net_->window ();
  }

  const SpeechEncoderInfo &info () const override { return info_; }

  std::unique_ptr<FeatureStream> open_stream (const Window *window) override
  {
    const Window &wanted = window ? *window : info_.window;
    if (wanted.chunk > 0 && wanted.right < net_->look_ahead ())
      throw Error (ErrorCode::wrong_model, folder_,
                   "it needs " + milliseconds (net_->look_ahead ()) +
                       " of the future, and was given " + milliseconds (wanted.right),
                   "Give it that look-ahead, or train an encoder with less");
    return std::make_unique<TorchFeatureStream> (net_, placement_, wanted, layer_,
                                                 folder_);
  }

private:
  std::string milliseconds (int frames) const
  {
    return std::to_string (1000 * frames * net_->hop () / net_->sampling_rate ()) + " ms";
  }

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
  const Placement own = placement_for_speech (placement, net->numbers ());
  net->to (own.device, own.type);
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
