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

constexpr int64_t frames = 5, size = 3;

// Two rows a frame, the mean of the samples.
Tensor
listen (const Tensor &wave)
{
  return wave.view ({-1, 320}).mean (1, true);
}

class OtherVoices : public testing::Test {
protected:
  void SetUp () override
  {
    gst_init (nullptr, nullptr);
    std::filesystem::create_directories (voices_);
    write_wav (voices_ + "/a.wav", torch::full ({640 * frames}, 0.25));
    write_table (size, frames + 1);
  }

  void write_table (int64_t latent_size, int64_t rows)
  {
    save_tensors (voices_ + "/a.safetensors", {{"latents", torch::ones ({rows, latent_size})},
                                               {"pose", torch::zeros ({rows, 3})},
                                               {"lips", torch::ones ({rows, 40})}});
  }

  std::vector<Sequence> read ()
  {
    return other_voices (voices_, listen, torch::full ({size}, 2.0),
                         torch::full ({3}, 4.0));
  }

  TemporaryFolder folder_;
  const std::string voices_ = folder_ / "voices";
};

} // namespace

TEST_F (OtherVoices, WhatIsForetoldIsAboutTheMean)
{
  const std::vector<Sequence> sequences = read ();
  ASSERT_EQ (sequences.size (), 1u);
  const Sequence &voice = sequences[0];
  ASSERT_EQ (voice.features.sizes (), torch::IntArrayRef ({2 * frames, 1}));
  EXPECT_NEAR (voice.features[3].item<double> (), 0.25, 1e-3);
  EXPECT_TRUE (voice.latents.equal (torch::full ({frames, size}, 3.0)));
  EXPECT_TRUE (voice.pose.equal (torch::full ({frames, 3}, 4.0)));
  EXPECT_TRUE (voice.lips.equal (torch::ones ({frames, 40})));
}

TEST_F (OtherVoices, HaveToFitTheSoundAndTheAvatar)
{
  write_table (size, frames - 1);
  EXPECT_ERROR (read (), ErrorCode::wrong_model, "latents of [5, 3]");
  write_table (size + 1, frames);
  EXPECT_ERROR (read (), ErrorCode::wrong_model, "latents of [5, 3]");
}

TEST_F (OtherVoices, SoundWithoutTableAndTableWithoutSound)
{
  write_wav (voices_ + "/b.wav", torch::zeros ({640}));
  EXPECT_ERROR (read (), ErrorCode::not_found, "b.safetensors");
  std::filesystem::remove (voices_ + "/a.wav");
  std::filesystem::remove (voices_ + "/b.wav");
  EXPECT_ERROR (read (), ErrorCode::not_found, "no sound");
}
