// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The log-mel front end against torch.fft and torchaudio's mel filters.
#include "tests/models/speech_fixture.h"

#include "models/engine/chunker.h"
#include "models/nn/logmel.h"

#include <cmath>
#include <torch/utils.h>

namespace daetalker {
namespace {

TEST (LogMel, Parity)
{
  const auto tensors = load_tensors (speech_fixture ("logmel.safetensors"));
  const LogMel net ((LogMelConfig ()));
  EXPECT_LT (
      largest_difference (net.forward (tensors.at ("wave")), tensors.at ("features")),
      float32_tolerance);
}

TEST (LogMel, FrameCount)
{
  const LogMel net ((LogMelConfig ()));
  for (const int64_t samples : {0, 1, 319, 320, 321, 16000, 16001})
    EXPECT_EQ (net.forward (torch::zeros ({2, samples})).sizes (),
               torch::IntArrayRef ({2, (samples + 319) / 320, 160}));
}

TEST (LogMel, ToneLightsItsFilter)
{
  // 1000 Hz is 1000.0 mel; filters are 2840.0 / 81 mel apart, the first at one step.
  const auto time = torch::arange (3200) / 16000.0;
  const auto wave = 0.5 * torch::sin (2 * M_PI * 1000.0 * time).unsqueeze (0);
  const LogMel net ((LogMelConfig ()));
  const auto features = net.forward (wave).view ({-1, 80});
  EXPECT_EQ (features[9].argmax ().item<int64_t> (),
             std::lround (1000.0 / (2840.0 / 81)) - 1);
}

TEST (LogMel, SilenceIsTheFloor)
{
  LogMelConfig config;
  const LogMel net (config);
  const double floor = (std::log (config.floor) - config.mean) / config.std;
  const auto features = net.forward (torch::zeros ({1, 640}));
  EXPECT_LT (largest_difference (features, torch::full_like (features, floor)), 1e-5);
}

// One frame of context on each side makes chunks equal to the whole.
TEST (LogMel, ChunksEqualTheWhole)
{
  torch::manual_seed (5);
  const LogMel net ((LogMelConfig ()));
  const auto wave = 0.1 * torch::randn ({1, 320 * 9 + 77});
  const auto whole = net.forward (wave);
  for (const int chunk : {1, 2, 4}) {
    Chunker chunker ({1, chunk, 1}, 1, 320, Chunker::Tail::zeros);
    chunker.push (wave.data_ptr<float> (), std::size_t (wave.size (1)));
    chunker.finish ();
    std::vector<torch::Tensor> parts;
    Chunk part;
    const float *rows = nullptr;
    std::size_t count = 0;
    while (chunker.next (part, rows, count)) {
      const auto window =
          torch::from_blob (const_cast<float *> (rows), {1, int64_t (count)});
      parts.push_back (net.forward (window).narrow (1, part.begin - part.window_begin,
                                                    part.end - part.begin));
    }
    EXPECT_LT (largest_difference (torch::cat (parts, 1), whole), 1e-5) << chunk;
  }
}

} // namespace
} // namespace daetalker
