// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/other_voices.h"

#include "models/io/tensors.h"
#include "tests/models/expect_error.h"
#include "tests/models/temporary_folder.h"
#include "tests/training/wav.h"

#include <filesystem>
#include <gst/gst.h>
#include <gtest/gtest.h>

using namespace daetalker;
using daetalker::test::TemporaryFolder;
using daetalker::test::write_wav;
using torch::Tensor;

namespace {

constexpr int64_t voice_frames = 5, latent_size = 3;

// Two rows a frame, the mean of the samples.
Tensor
listen (const Tensor &wave)
{
  return wave.view ({-1, 320}).mean (1, true);
}

class OtherVoicesTest : public testing::Test {
protected:
  void SetUp () override
  {
    gst_init (nullptr, nullptr);
    std::filesystem::create_directories (voices_);
    write_wav (voices_ + "/a.wav", torch::full ({640 * voice_frames}, 0.25));
    write_table (latent_size, voice_frames + 1);
  }

  void write_table (int64_t latent_size, int64_t rows)
  {
    save_tensors (voices_ + "/a.safetensors",
                  {{"latents", torch::ones ({rows, latent_size})},
                   {"pose", torch::zeros ({rows, 3})},
                   {"lips", torch::ones ({rows, 40})}});
  }

  std::vector<Sequence> read ()
  {
    return other_voices (voices_, listen, torch::full ({latent_size}, 2.0),
                         torch::full ({3}, 4.0));
  }

  TemporaryFolder folder_;
  const std::string voices_ = folder_ / "voices";
};

} // namespace

TEST_F (OtherVoicesTest, WhatIsPredictedIsAboutTheMean)
{
  const std::vector<Sequence> sequences = read ();
  ASSERT_EQ (sequences.size (), 1u);
  const Sequence &voice = sequences[0];
  ASSERT_EQ (voice.features.sizes (), torch::IntArrayRef ({2 * voice_frames, 1}));
  EXPECT_NEAR (voice.features[3].item<double> (), 0.25, 1e-3);
  EXPECT_TRUE (voice.latents.equal (torch::full ({voice_frames, latent_size}, 3.0)));
  EXPECT_TRUE (voice.pose.equal (torch::full ({voice_frames, 3}, 4.0)));
  EXPECT_TRUE (voice.lips.equal (torch::ones ({voice_frames, 40})));
}

TEST_F (OtherVoicesTest, HaveToFitTheSoundAndTheAvatar)
{
  write_table (latent_size, voice_frames - 1);
  EXPECT_ERROR (read (), ErrorCode::wrong_model, "latents of [5, 3]");
  write_table (latent_size + 1, voice_frames);
  EXPECT_ERROR (read (), ErrorCode::wrong_model, "latents of [5, 3]");
}

TEST_F (OtherVoicesTest, SoundWithoutTableAndTableWithoutSound)
{
  write_wav (voices_ + "/b.wav", torch::zeros ({640}));
  EXPECT_ERROR (read (), ErrorCode::not_found, "b.safetensors");
  std::filesystem::remove (voices_ + "/a.wav");
  std::filesystem::remove (voices_ + "/b.wav");
  EXPECT_ERROR (read (), ErrorCode::not_found, "no sound");
}

namespace {

// Half a second of silence, then half a second of 200 Hz.
Tensor
late_tone ()
{
  const Tensor time = torch::arange (8000) / 16000.0;
  return torch::cat ({torch::zeros ({8000}), (2 * M_PI * 200 * time).sin ()});
}

double
frequency (const Tensor &wave) // by its zeros
{
  const Tensor part = wave.slice (0, 10000, 15000) > 0;
  const int64_t changes =
      (part.slice (0, 1) != part.slice (0, 0, -1)).sum ().item<int64_t> ();
  return double (changes) / 2 / (5000.0 / 16000);
}

} // namespace

// Lower, higher, lower: the same face at the same time.
TEST_F (OtherVoicesTest, AreThePersonsOwnAtOtherPitches)
{
  const int64_t rows = 25;
  Sequence spoken;
  spoken.latents = torch::rand ({rows, latent_size});
  spoken.pose = torch::rand ({rows, 3});
  spoken.lips = torch::rand ({rows, 40});
  const Tensor speech = (20000 * late_tone ()).to (torch::kShort);
  std::vector<Tensor> heard;
  const auto remember = [&] (const Tensor &wave) {
    heard.push_back (wave);
    return wave.view ({-1, 320});
  };
  const auto augmented = augmented_voices ({spoken}, {speech}, 3, remember);
  ASSERT_EQ (augmented.size (), 3u);
  for (size_t i = 0; i < heard.size (); i++) {
    const double factor = frequency (heard[i]) / 200;
    if (i % 2 == 0) {
      EXPECT_GT (factor, 0.74);
      EXPECT_LT (factor, 0.95);
    } else {
      EXPECT_GT (factor, 1.06);
      EXPECT_LT (factor, 1.44);
    }
    const auto loud = (heard[i].abs () > 0.1).nonzero ();
    EXPECT_NEAR (loud[0].item<double> () / 16, 500, 25) << "ms";
    EXPECT_TRUE (augmented[i].features.equal (heard[i].view ({-1, 320})));
    EXPECT_TRUE (augmented[i].latents.equal (spoken.latents));
    EXPECT_TRUE (augmented[i].lips.equal (spoken.lips));
  }
  EXPECT_FALSE (heard[0].equal (heard[2])) << "another larger person";
  EXPECT_TRUE (augmented_voices ({spoken}, {speech}, 0, remember).empty ());
}
