// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/streamed_features.h"

#include "models/engine/chunker.h"

namespace daetalker {

using torch::Tensor;

// Each frame once, some seconds at a time: a recording may be hours long.
static Tensor
features_of_stream (SpeechEncoderStream &stream, int look_ahead, int hop,
                    const std::vector<float> &samples)
{
  constexpr int64_t together = 500; // frames
  const int64_t frames = (int64_t (samples.size ()) + hop - 1) / hop;
  std::vector<float> heard = samples;
  heard.resize (size_t ((frames + look_ahead) * hop), 0.0f);
  const Tensor wave = torch::from_blob (heard.data (), {1, int64_t (heard.size ())});
  std::vector<Tensor> result;
  for (const Tensor &piece : wave.split (together * hop, 1))
    result.push_back (stream.go_on (piece)[0]);
  return torch::cat (result);
}

Tensor
streamed_features (SpeechEncoderNet &net, const Window &window,
                   const std::vector<float> &samples)
{
  const auto stream = window.chunk > 0 ? net.open_stream (window.left) : nullptr;
  if (stream)
    return features_of_stream (*stream, net.look_ahead (), net.hop (), samples);
  return windowed_features (
      [&net] (const Tensor &waves) { return net.forward (waves, -1); }, window,
      net.hop (), samples);
}

Tensor
windowed_features (const std::function<Tensor (const Tensor &)> &forward,
                   const Window &window, int hop, const std::vector<float> &samples)
{
  constexpr std::size_t together = 64;
  Chunker chunker (window, 1, hop, Chunker::Tail::zeros);
  chunker.push (samples.data (), samples.size ());
  chunker.finish ();
  std::vector<Tensor> result, waves;
  int64_t from = 0, to = 0; // frames that are kept of each window
  const auto compute = [&] {
    if (!waves.empty ())
      result.push_back (
          forward (torch::stack (waves)).slice (1, from, to).flatten (0, 1));
    waves.clear ();
  };
  Chunk chunk;
  const float *rows = nullptr;
  std::size_t count = 0;
  while (chunker.next (chunk, rows, count)) {
    const int64_t left = chunk.begin - chunk.window_begin;
    const int64_t right = chunk.end - chunk.window_begin;
    if (left != from || right != to || waves.size () == together ||
        (!waves.empty () && waves.back ().size (0) != int64_t (count)))
      compute ();
    from = left;
    to = right;
    waves.push_back (
        torch::from_blob (const_cast<float *> (rows), {int64_t (count)}).clone ());
  }
  compute ();
  return torch::cat (result);
}

} // namespace daetalker
