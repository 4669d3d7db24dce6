// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What `daetalker bench` counts and times, where the figure is known.
#include "models/nn/unet.h"
#include "models/nn/winograd.h"
#include "models/studio/bench/flop_counter.h"
#include "models/studio/bench/made_speech.h"
#include "models/studio/bench/network_timing.h"
#include "models/studio/bench/onset_watch.h"
#include "models/studio/bench/process_usage.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <gtest/gtest.h>
#include <thread>
#include <torch/utils.h>

using namespace daetalker;

namespace {

std::int64_t
flops_of (const std::function<void ()> &computation)
{
  const torch::NoGradGuard no_grad;
  const FlopCounter counter;
  computation ();
  return counter.flops ();
}

} // namespace

TEST (FlopCounter, ConvolutionByHand)
{
  const auto x = torch::randn ({2, 3, 8, 10});
  const auto weight = torch::randn ({5, 3, 3, 3}), bias = torch::randn ({5});
  // Outputs 2 x 5 x 8 x 10, each of 3 x 3 x 3 multiply-adds.
  EXPECT_EQ (flops_of ([&] { torch::conv2d (x, weight, bias, 1, 1); }),
             2 * (2 * 5 * 8 * 10) * 27);
  // With stride 2 a quarter of them.
  EXPECT_EQ (flops_of ([&] { torch::conv2d (x, weight, bias, 2, 1); }),
             2 * (2 * 5 * 4 * 5) * 27);
}

TEST (FlopCounter, GroupsDilationAndOneDimension)
{
  const auto x = torch::randn ({1, 4, 9, 9});
  const auto grouped = torch::randn ({6, 2, 3, 3});
  EXPECT_EQ (flops_of ([&] { torch::conv2d (x, grouped, {}, 1, 1, 1, 2); }),
             2 * (6 * 9 * 9) * 18);
  EXPECT_EQ (flops_of ([&] { torch::conv2d (x, grouped, {}, 1, 1, 2, 2); }),
             2 * (6 * 7 * 7) * 18);
  const auto wave = torch::randn ({1, 4, 20}), kernel = torch::randn ({3, 4, 5});
  EXPECT_EQ (flops_of ([&] { torch::conv1d (wave, kernel); }), 2 * (3 * 16) * 20);
}

TEST (FlopCounter, TransposedConvolution)
{
  const auto x = torch::randn ({1, 4, 5, 5}), weight = torch::randn ({4, 6, 2, 2});
  EXPECT_EQ (flops_of ([&] { torch::conv_transpose2d (x, weight, {}, 2); }),
             2 * (4 * 5 * 5) * (6 * 2 * 2));
}

TEST (FlopCounter, LinearLayerByHand)
{
  torch::nn::Linear layer (7, 11);
  const auto rows = torch::randn ({3, 7});
  EXPECT_EQ (flops_of ([&] { layer (rows); }), 2 * 3 * 7 * 11);
  EXPECT_EQ (flops_of ([&] { layer (rows.view ({1, 3, 7})); }), 2 * 3 * 7 * 11);
  torch::nn::Linear no_bias (torch::nn::LinearOptions (7, 11).bias (false));
  EXPECT_EQ (flops_of ([&] { no_bias (rows); }), 2 * 3 * 7 * 11);
}

TEST (FlopCounter, MatrixProducts)
{
  const auto a = torch::randn ({2, 3, 4}), b = torch::randn ({2, 4, 5});
  EXPECT_EQ (flops_of ([&] { torch::bmm (a, b); }), 2 * 2 * 3 * 4 * 5);
  EXPECT_EQ (flops_of ([&] { torch::matmul (a, b); }), 2 * 2 * 3 * 4 * 5);
  EXPECT_EQ (flops_of ([&] { torch::matmul (a, b[0]); }), 2 * 2 * 3 * 4 * 5);
  EXPECT_EQ (flops_of ([&] { torch::matmul (a[0], b[0].select (1, 0)); }), 2 * 3 * 4);
}

// As they are defined, not as they are computed.
TEST (FlopCounter, OwnOperations)
{
  const torch::NoGradGuard no_grad;
  const auto x = torch::randn ({2, 8, 16, 12});
  Conv3x3 layer (8, 16);
  const std::int64_t each = 2 * 16 * 8 * 9;
  ASSERT_TRUE (suits_winograd (x, layer->weight));
  EXPECT_EQ (flops_of ([&] { layer (x); }), each * 2 * 16 * 12);
  EXPECT_EQ (flops_of ([&] { layer->forward_enlarged (x); }), each * 2 * 32 * 24);

  RowLinear rows (7, 16);
  rows->settle ();
  EXPECT_EQ (flops_of ([&] { rows (torch::ones ({1, 3, 7})); }), 2 * 3 * 7 * 16);

  PointConv points (8, 16);
  points->settle ();
  const auto sum = torch::zeros ({2, 16, 16, 12});
  EXPECT_EQ (flops_of ([&] { points->added_to (sum, x); }), 2 * 2 * 16 * 12 * 8 * 16);
}

// The engine draws on one of its own.
TEST (FlopCounter, CountsOnWhateverThread)
{
  const auto x = torch::randn ({1, 8, 16, 16}), weight = torch::randn ({8, 8, 3, 3});
  const auto convolve = [&] {
    torch::conv2d (x, weight, {}, 1, 1);
  };
  EXPECT_EQ (flops_of ([&] { std::thread (convolve).join (); }), flops_of (convolve));
}

TEST (FlopCounter, CountsNothingElse)
{
  const auto x = torch::randn ({1, 8, 16, 16}), weight = torch::randn ({8, 8, 3, 3});
  EXPECT_EQ (flops_of ([&] { torch::silu (x) + torch::avg_pool2d (x, 2).sum (); }), 0);
  torch::conv2d (x, weight, {}, 1, 1); // between two counters
  EXPECT_EQ (flops_of ([] {}), 0);
}

TEST (NetworkTiming, CountsWhatTheUNetIsMadeOf)
{
  UNetConfig config;
  config.image_size = 16;
  config.model_channels = 32;
  config.channel_mult = {1};
  config.num_res_blocks = 1;
  config.attention_resolutions = {};
  config.middle_attention = false;
  config.embed_channels = 32;
  config.style_channels = 8;
  constexpr std::int64_t pixels = 16 * 16, conv = 9 * pixels;
  const auto block = [] (std::int64_t in, std::int64_t out) {
    return conv * (in + out) * out + (in == out ? 0 : pixels * in * out) + 32 * 2 * out +
           8 * out;
  };
  const std::int64_t multiply_adds = 2 * 32 * 32 +        // time embedding
                                     conv * 3 * 32 +      // stem
                                     3 * block (32, 32) + // down and middle
                                     2 * block (64, 32) + // up, with laterals
                                     conv * 32 * 3;       // head
  const EvaluationTime time = time_unet (config, {"cpu", "float32", 1});
  EXPECT_DOUBLE_EQ (time.gflop, 2e-9 * double (multiply_adds));
  EXPECT_GE (time.rounds, 5);
  EXPECT_GT (time.ms, 0);
  EXPECT_DOUBLE_EQ (time.gflop_per_s (), time.gflop / time.ms * 1000);
}

TEST (NetworkTiming, FloatIsTimedFirstAndTheFastPrecisionToo)
{
  const auto precisions = precisions_to_time ({});
  EXPECT_EQ (precisions.front (), "float32");
  EXPECT_EQ (precisions.back (), chosen_precision ({}));
  EXPECT_EQ (network_threads (3), 3);
  EXPECT_GE (network_threads (0), 1);
}

TEST (MadeSpeech, IsHeardAndPauses)
{
  const std::vector<std::int16_t> speech = made_speech ();
  ASSERT_EQ (speech.size (), std::size_t (10 * speech_rate));
  EXPECT_EQ (speech, made_speech ());
  int loud = 0, quiet = 0;
  for (std::size_t begin = 0; begin < speech.size (); begin += speech_rate / 25) {
    double energy = 0;
    for (std::size_t i = begin; i < begin + speech_rate / 25; i++)
      energy += std::pow (speech[i] / 32768.0, 2);
    const double level = 10 * std::log10 (energy / (speech_rate / 25) + 1e-12);
    loud += level > -35;
    quiet += level < -60;
  }
  EXPECT_GT (loud, 125) << "of 250";
  EXPECT_GT (quiet, 12);
  const auto [least, most] = std::minmax_element (speech.begin (), speech.end ());
  EXPECT_EQ (std::max (-*least, +*most), 16000);
}

TEST (ProcessUsage, IsThere)
{
  EXPECT_GT (process_cpu_seconds (), 0);
  EXPECT_GT (process_peak_memory_mib (), 1);
}

// ---- from sound to face ------------------------------------------------------------

namespace {

constexpr std::uint64_t ms = 1'000'000;

// Pictures of the frames `first` to `last` - 1 at 40 ms each, shown 150 ms later, all of
// them as bright as `grey` says for their number.
void
show (OnsetWatch &watch, int first, int last, const std::function<int (int)> &grey)
{
  for (int i = first; i < last; i++) {
    const auto time = std::uint64_t (i) * 40 * ms;
    watch.show (std::vector<std::uint8_t> (100, std::uint8_t (grey (i))), time,
                time + 150 * ms);
  }
}

int
still (int)
{
  return 100;
}

} // namespace

TEST (OnsetWatch, SeesTheFirstChangedPicture)
{
  OnsetWatch watch;
  show (watch, 0, 23, still);
  watch.hear (1000 * ms); // the begin of frame 25
  show (watch, 23, 60, [] (int frame) { return frame < 26 ? 100 : 110; });
  EXPECT_EQ (watch.delays_ms (), std::vector<double>{1040 + 150 - 1000});
  EXPECT_EQ (watch.unseen (), 0);
}

TEST (OnsetWatch, WhatTrembledBeforeIsNoChange)
{
  OnsetWatch watch;
  const auto tremble = [] (int frame) {
    return 100 + frame % 2;
  };
  show (watch, 0, 23, tremble);
  watch.hear (1000 * ms);
  show (watch, 23, 30, tremble);
  EXPECT_TRUE (watch.delays_ms ().empty ());
  show (watch, 30, 31, [] (int) { return 104; });
  EXPECT_EQ (watch.delays_ms (), std::vector<double>{1200 + 150 - 1000});
}

TEST (OnsetWatch, GivesUpAfterASecondAndSeesTheNext)
{
  OnsetWatch watch;
  show (watch, 0, 23, still);
  watch.hear (1000 * ms);
  show (watch, 23, 98, still);
  EXPECT_EQ (watch.unseen (), 1);
  watch.hear (4000 * ms);
  show (watch, 98, 101, still);
  show (watch, 101, 102, [] (int) { return 90; });
  EXPECT_EQ (watch.unseen (), 1);
  EXPECT_EQ (watch.delays_ms (), std::vector<double>{4040 + 150 - 4000});
}

// A face that anticipates: its look-ahead lets a picture before the sound change.
TEST (OnsetWatch, APictureBeforeTheSoundMayHaveHeardIt)
{
  OnsetWatch watch;
  show (watch, 0, 22, still);
  watch.hear (1000 * ms);
  show (watch, 22, 40, [] (int frame) { return frame < 24 ? 100 : 120; });
  EXPECT_EQ (watch.delays_ms (), std::vector<double>{960 + 150 - 1000});
}
