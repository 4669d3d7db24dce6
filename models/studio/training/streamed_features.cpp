// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/streamed_features.h"

#include "models/engine/chunker.h"

namespace daetalker {

using torch::Tensor;

Tensor
streamed_features (const std::function<Tensor (const Tensor &)> &forward,
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
