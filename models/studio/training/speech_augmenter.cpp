// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/speech_augmenter.h"

#include <ATen/CPUGeneratorImpl.h>
#include <cmath>
#include <torch/fft.h>
#include <torch/utils.h>

namespace daetalker {

using torch::Tensor;

namespace {

constexpr double sample_rate = 16000;

Tensor
from_decibels (const Tensor &decibels)
{
  return torch::pow (10.0, decibels / 20);
}

Tensor
loudness (const Tensor &waves) // [B, L] -> [B, 1], root mean square
{
  return waves.square ().mean (1, true).sqrt ();
}

// Hz of the points of a real spectrum: [1, points].
Tensor
frequencies (int64_t points)
{
  return torch::linspace (0, sample_rate / 2, points).unsqueeze (0);
}

} // namespace

SpeechAugmenter::SpeechAugmenter (uint64_t seed)
    : generator_ (at::detail::createCPUGenerator (seed))
{
}

Tensor
SpeechAugmenter::uniform (int64_t rows, double low, double high)
{
  return torch::rand ({rows, 1}, generator_, torch::kFloat) * (high - low) + low;
}

Tensor
SpeechAugmenter::happens (int64_t rows, double probability)
{
  return (torch::rand ({rows, 1}, generator_, torch::kFloat) < probability)
      .to (torch::kFloat);
}

// Three slow waves over the octaves, and the telephone's band.
Tensor
SpeechAugmenter::response (int64_t rows, int64_t points)
{
  const Tensor octave = (frequencies (points).clamp_min (60) / 60).log2 ();
  Tensor decibels = torch::zeros ({rows, points});
  for (int i = 0; i < 3; i++)
    decibels += uniform (rows, 0, 4) * torch::sin (uniform (rows, 0.3, 1.5) * octave +
                                                   uniform (rows, 0, 2 * M_PI));
  decibels *= happens (rows, 0.6);
  const Tensor band = torch::sigmoid ((frequencies (points) - 300) / 40) *
                      torch::sigmoid ((3400 - frequencies (points)) / 100);
  const Tensor telephone = happens (rows, 0.12);
  return from_decibels (decibels) * (1 - telephone + telephone * band);
}

// A direct sound, and noise that dies away behind it.
Tensor
SpeechAugmenter::echoes (int64_t rows, int64_t length)
{
  const Tensor time = torch::arange (length, torch::kFloat).unsqueeze (0) / sample_rate;
  const Tensor decay =
      torch::exp (-6.9 * time / uniform (rows, 0.1, 0.5)); // -60 dB at the end
  Tensor tail = torch::randn ({rows, length}, generator_, torch::kFloat) * decay;
  tail = tail / tail.square ().sum (1, true).sqrt ();
  tail = tail * from_decibels (uniform (rows, -15, 0)) * happens (rows, 0.3);
  tail.select (1, 0).fill_ (1);
  return tail;
}

// From white to a fall of 6 dB an octave above some corner.
Tensor
SpeechAugmenter::noise (int64_t rows, int64_t length)
{
  Tensor spectrum =
      torch::fft::rfft (torch::randn ({rows, length}, generator_, torch::kFloat));
  const Tensor corner = from_decibels (uniform (rows, 40, 80)); // 100 Hz to 10 kHz
  spectrum = spectrum / (1 + frequencies (spectrum.size (1)) / corner);
  const Tensor waves = torch::fft::irfft (spectrum, length);
  return waves / loudness (waves).clamp_min (1e-6);
}

Tensor
SpeechAugmenter::operator() (const Tensor &waves)
{
  torch::NoGradGuard guard;
  const int64_t rows = waves.size (0), length = waves.size (1);
  const int64_t tail = int64_t (0.3 * sample_rate);
  const int64_t size = length + tail;
  Tensor spectrum = torch::fft::rfft (waves, size);
  spectrum = spectrum * response (rows, spectrum.size (1)) *
             torch::fft::rfft (echoes (rows, tail), size);
  Tensor result = torch::fft::irfft (spectrum, size).narrow (1, 0, length);

  const Tensor level = loudness (result);
  if (rows > 1)
    result = result + result.roll (1, 0) / level.roll (1, 0).clamp_min (1e-4) * level *
                          from_decibels (uniform (rows, -25, -8)) * happens (rows, 0.2);
  result = result + noise (rows, length) * level *
                        from_decibels (uniform (rows, -30, -3)) * happens (rows, 0.6);
  return result * from_decibels (uniform (rows, -18, 6));
}

} // namespace daetalker
