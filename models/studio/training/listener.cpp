// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/listener.h"

#include <filesystem>

#include "models/engine/speech_encoder.h"
#include "models/io/bundle.h"
#include "models/io/files.h"
#include "models/studio/training/streamed_features.h"

namespace daetalker {

using torch::Tensor;

Listener::Listener (const std::string &encoder, const std::string &memory)
    : memory_ (memory),
      encoder_hash_ (speech_encoder_hash (hash_encoder_files (encoder), -1)),
      net_ (make_speech_encoder (encoder))
{
  if (!std::filesystem::exists (memory_))
    return;
  Metadata metadata;
  TensorMap heard = load_tensors (memory_, &metadata);
  if (metadata["encoder"] == encoder_hash_)
    heard_ = std::move (heard);
}

Tensor
Listener::listen (const Tensor &wave)
{
  return recall (wave, false);
}

Tensor
Listener::listen_augmented (const Tensor &wave)
{
  return recall (wave, true);
}

Tensor
Listener::recall (const Tensor &wave, bool augmented)
{
  const Tensor samples = wave.contiguous ();
  const std::string key = (augmented ? "augmented." : "plain.") +
                          sha256 (samples.data_ptr (), samples.nbytes ());
  Tensor &heard = heard_[key];
  if (!heard.defined ()) {
    heard = hear (samples, augmented).to (torch::kHalf);
    news_ = true;
    constexpr std::chrono::minutes often{3};
    if (std::chrono::steady_clock::now () - remembered_ > often)
      remember ();
  }
  return heard.to (torch::kFloat);
}

Tensor
Listener::hear (const Tensor &wave, bool augmented)
{
  Window window = net_->window ();
  Tensor samples = wave;
  if (augmented) {
    window.chunk *= 4;
    samples = augment_ (wave.unsqueeze (0))[0].contiguous ();
  }
  return streamed_features (
      *net_, window,
      {samples.data_ptr<float> (), samples.data_ptr<float> () + samples.numel ()});
}

void
Listener::remember ()
{
  if (news_)
    save_tensors (memory_, heard_, {{"encoder", encoder_hash_}});
  news_ = false;
  remembered_ = std::chrono::steady_clock::now ();
}

} // namespace daetalker
