// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/logmel.h"

#include <cmath>

namespace daetalker {

// A DFT by matrix product costs less than 0.1 GFLOP per second of speech and
// runs wherever matrix products do.
static torch::Tensor
make_spectrum (const LogMelConfig &config)
{
  const auto options = torch::dtype (torch::kFloat64);
  const auto n = torch::arange (config.frame_length, options);
  const auto k = torch::arange (config.fft_length / 2 + 1, options);
  const auto phase = n.unsqueeze (1) * k * (2 * M_PI / config.fft_length);
  const auto window = torch::hann_window (config.frame_length, options).unsqueeze (1);
  return (window * torch::cat ({phase.cos (), phase.sin ()}, 1)).to (torch::kFloat32);
}

static double
hertz_to_mel (double frequency)
{
  return 2595.0 * std::log10 (1.0 + frequency / 700.0);
}

static torch::Tensor
make_filters (const LogMelConfig &config)
{
  const int points = config.fft_length / 2 + 1;
  const auto options = torch::dtype (torch::kFloat64);
  const auto mel = torch::linspace (hertz_to_mel (config.min_frequency),
                                    hertz_to_mel (config.max_frequency),
                                    config.num_mel_bins + 2, options);
  const auto corner = 700.0 * (torch::pow (10.0, mel / 2595.0) - 1.0);
  const auto frequency = torch::arange (points, options) *
                         (double (config.sampling_rate) / config.fft_length);
  const auto distance =
      corner.unsqueeze (0) - frequency.unsqueeze (1); // [points, bins + 2]
  const auto width = corner.diff ();
  const auto bins = config.num_mel_bins;
  const auto rising = -distance.narrow (1, 0, bins) / width.narrow (0, 0, bins);
  const auto falling = distance.narrow (1, 2, bins) / width.narrow (0, 1, bins);
  return torch::minimum (rising, falling).clamp_min (0).to (torch::kFloat32);
}

LogMel::LogMel (const LogMelConfig &config)
    : config_ (config), spectrum_ (make_spectrum (config)),
      filters_ (make_filters (config))
{
}

void
LogMel::to (torch::Device device)
{
  spectrum_ = spectrum_.to (device);
  filters_ = filters_.to (device);
}

torch::Tensor
LogMel::forward (const torch::Tensor &wave, torch::Tensor *past) const
{
  const int64_t samples = wave.size (1);
  const int64_t hop = config_.hop ();
  const int64_t frames = (samples + hop - 1) / hop;
  const int64_t points = config_.fft_length / 2 + 1;
  if (frames == 0)
    return wave.new_zeros ({wave.size (0), 0, config_.feature_size ()});

  const int64_t around = config_.frame_length - config_.hop_length;
  const int64_t before = config_.center ? around / 2 : around;
  const bool goes_on = past != nullptr && past->defined ();
  auto padded = torch::constant_pad_nd (
      wave, {goes_on ? 0 : before, frames * hop - samples + around - before});
  if (goes_on)
    padded = torch::cat ({*past, padded}, 1);
  if (past != nullptr)
    *past = padded.narrow (1, padded.size (1) - before, before);
  const auto windows = padded.unfold (1, config_.frame_length, config_.hop_length);
  const auto spectrum =
      torch::matmul (windows, spectrum_); // [B, frames * stack, 2 * points]
  const auto power = spectrum.narrow (2, 0, points).square () +
                     spectrum.narrow (2, points, points).square ();
  const auto mel = torch::matmul (power, filters_).clamp_min_ (config_.floor).log_ ();
  return mel.sub_ (config_.mean)
      .div_ (config_.std)
      .reshape ({wave.size (0), frames, config_.feature_size ()});
}

} // namespace daetalker
