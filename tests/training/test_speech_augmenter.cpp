// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/speech_augmenter.h"

#include <gtest/gtest.h>
#include <torch/fft.h>
#include <torch/utils.h>

using daetalker::SpeechAugmenter;
using torch::Tensor;

namespace {

Tensor
noise_bursts (int64_t rows)
{
  torch::manual_seed (3);
  const Tensor time = torch::arange (16000, torch::kFloat) / 16000;
  return 0.1 * torch::randn ({rows, 16000}) * torch::sin (12 * time).clamp_min (0);
}

} // namespace

TEST (SpeechAugmenter, IsRepeatableAndChangesEachRowInItsOwnWay)
{
  const Tensor waves = noise_bursts (1).expand ({4, -1});
  const Tensor first = SpeechAugmenter (1) (waves), again = SpeechAugmenter (1) (waves);
  EXPECT_TRUE (first.equal (again));
  EXPECT_EQ (first.sizes (), waves.sizes ());
  EXPECT_TRUE (first.isfinite ().all ().item<bool> ());
  for (int row = 1; row < 4; row++)
    EXPECT_FALSE (first[row].equal (first[0]));
}

// Lips are learnt from this sound: it must not come earlier or later.
TEST (SpeechAugmenter, MovesNothingInTime)
{
  const Tensor waves = noise_bursts (32);
  const Tensor heard = SpeechAugmenter (2) (waves);
  const int64_t size = 32768;
  const Tensor correlation = torch::fft::irfft (
      torch::fft::rfft (heard, size) * torch::conj (torch::fft::rfft (waves, size)),
      size);
  const Tensor lag = correlation.argmax (1);
  for (int row = 0; row < 32; row++) {
    const int64_t samples = lag[row].item<int64_t> ();
    EXPECT_TRUE (samples <= 8 || samples >= size - 8) << row << ": " << samples;
  }
}

TEST (SpeechAugmenter, GainStaysInItsRange)
{
  const Tensor waves = noise_bursts (64);
  const Tensor heard = SpeechAugmenter (4) (waves);
  const Tensor ratio =
      heard.square ().mean (1).sqrt () / waves.square ().mean (1).sqrt ();
  // -18 dB less a tilt of 12 dB; 6 dB and a tilt, with noise as loud as the speech.
  EXPECT_GT (ratio.min ().item<double> (), 0.03);
  EXPECT_LT (ratio.max ().item<double> (), 14);
}

TEST (SpeechAugmenter, SilenceStaysSilent)
{
  EXPECT_EQ (SpeechAugmenter (5) (torch::zeros ({8, 4000})).abs ().max ().item<float> (),
             0);
}
