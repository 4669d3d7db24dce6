// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/streamed_features.h"

#include "models/nn/logmel.h"

#include <gtest/gtest.h>
#include <torch/utils.h>

using namespace daetalker;
using torch::Tensor;

// Log-mel needs one frame of context: cut into chunks it is what it is in one piece.
TEST (StreamedFeatures, EqualThoseOfOnePass)
{
  torch::manual_seed (1);
  const LogMel net ((LogMelConfig ()));
  const Tensor wave = 0.1 * torch::randn ({320 * 150 + 7});
  const std::vector<float> samples (wave.data_ptr<float> (),
                                    wave.data_ptr<float> () + wave.numel ());
  const auto forward = [&] (const Tensor &waves) {
    return net.forward (waves);
  };
  const Tensor whole = net.forward (wave.unsqueeze (0))[0];
  for (const Window &window : {Window{1, 1, 1}, Window{3, 4, 2}, Window{0, 0, 0}}) {
    const Tensor streamed = windowed_features (forward, window, 320, samples);
    ASSERT_EQ (streamed.sizes (), whole.sizes ());
    EXPECT_LT ((streamed - whole).abs ().max ().item<float> (), 1e-4) << window.chunk;
  }
}

TEST (StreamedFeatures, WindowsThatAreEqualGoTogether)
{
  int calls = 0;
  int64_t rows = 0;
  const auto forward = [&] (const Tensor &waves) {
    calls++;
    rows = std::max (rows, waves.size (0));
    return torch::zeros ({waves.size (0), waves.size (1) / 320, 1});
  };
  const std::vector<float> samples (320 * 100);
  EXPECT_EQ (windowed_features (forward, {1, 1, 1}, 320, samples).size (0), 100);
  EXPECT_LE (calls, 4);
  EXPECT_GT (rows, 30);
}
