// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/fit_idle.h"

#include "models/io/tensors.h"
#include "models/studio/clip_writer.h"
#include "models/studio/dataset.h"
#include "models/studio/media.h"
#include "tests/models/temporary_folder.h"

#include <filesystem>
#include <gst/gst.h>
#include <gtest/gtest.h>

using namespace daetalker;
using daetalker::test::TemporaryFolder;
using torch::Tensor;

namespace {

constexpr int frames = 40, size = 3;

// Three clips, of which the second is held out.
class FitIdle : public testing::Test {
protected:
  void SetUp () override
  {
    gst_init (nullptr, nullptr);
    std::filesystem::create_directories (dataset_ + "/clips");
  }

  // `openness` [3, frames] of the eyes, `yaw` likewise in degrees.
  IdleFit fit (const Tensor &openness, const Tensor &yaw, const Tensor &latents,
               const EyesInLatents *eyes = nullptr)
  {
    DatasetIndex index;
    for (int i = 0; i < 3; i++)
      index.clips.push_back (
          write_clip (std::string (1, char ('a' + i)), openness[i], yaw[i]));
    save_dataset_index (dataset_, index);
    HeldOut held_out;
    held_out.names = {"b"};
    return fit_idle (FrameStore (dataset_, folder_ / "work", held_out), latents, eyes);
  }

private:
  DatasetClip write_clip (const std::string &name, const Tensor &openness,
                          const Tensor &yaw)
  {
    const std::string path = dataset_clip_path (dataset_, name);
    ClipWriter writer (path + ".mkv",
                       std::vector<int16_t> (size_t (frames) * samples_per_frame));
    for (int frame = 0; frame < frames; frame++)
      writer.write (cv::Mat (256, 256, CV_8UC3, cv::Scalar::all (0)));
    writer.finish ();
    Tensor landmarks = torch::zeros ({frames, 68, 2});
    for (const int eye : {36, 42}) {
      const int x[] = {0, 10, 20, 30, 20, 10}, y[] = {0, -1, -1, 0, 1, 1};
      for (int point = 0; point < 6; point++) {
        landmarks.select (1, eye + point).select (1, 0).fill_ (x[point]);
        landmarks.select (1, eye + point).select (1, 1).copy_ (y[point] * 5 * openness);
      }
    }
    Tensor pose = torch::zeros ({frames, 3});
    pose.select (1, 0).copy_ (yaw);
    save_tensors (path + ".safetensors", {{"landmarks", landmarks}, {"pose", pose}});
    DatasetClip clip;
    clip.name = name;
    clip.frames = frames;
    clip.pieces = {{clip.name, 0, clip.frames}};
    return clip;
  }

  TemporaryFolder folder_;
  const std::string dataset_ = folder_ / "dataset";
};

} // namespace

TEST_F (FitIdle, BlinkIsADeepOneLikeMost)
{
  Tensor openness = torch::ones ({3, frames});
  Tensor latents = torch::zeros ({3 * frames, size});
  const auto blink = [&] (int clip, int frame, double openness_there, double change) {
    openness[clip][frame] = openness_there;
    openness[clip][frame + 1] = 0.7;
    latents[clip * frames + frame][1] += change;
    latents[clip * frames + frame + 1][1] += change / 2;
  };
  // A quarter of the ten are deep, rounded up.
  blink (0, 6, 0.3, 4);
  blink (0, 20, 0.2, 9);
  blink (2, 6, 0.25, 5);
  blink (2, 20, 0.6, 100); // not deep
  for (const int clip : {0, 2})
    for (const int frame : {12, 28, 32})
      blink (clip, frame, 0.6, 0);
  blink (1, 20, 0.1, 100);                             // held out
  latents.select (1, 2) += torch::arange (3 * frames); // what only drifts is no blink
  const IdleFit found = fit (openness, torch::zeros ({3, frames}), latents);
  const Idle &idle = found.idle;

  EXPECT_NEAR (idle.blinks_per_minute, 10 * 1500.0 / (2 * frames), 1e-6);
  ASSERT_EQ (idle.blink.size (), 11u);
  for (size_t f = 0; f < idle.blink.size (); f++) {
    ASSERT_EQ (idle.blink[f].size (), size_t (size));
    EXPECT_NEAR (idle.blink[f][0], 0, 1e-6);
    EXPECT_NEAR (idle.blink[f][2], 0, 1e-4);
  }
  EXPECT_NEAR (idle.blink[4][1], 5, 1e-4) << "neither the mean nor an extreme";
  EXPECT_NEAR (idle.blink[5][1], 2.5, 1e-4);
  EXPECT_NEAR (found.shutting[1].item<float> (), 1, 1e-4);
}

TEST_F (FitIdle, WhatLiesElsewhereIsNoPartOfABlink)
{
  Tensor openness = torch::ones ({3, frames});
  Tensor latents = torch::zeros ({3 * frames, size});
  openness[0][20] = 0.3;
  latents[20] = torch::tensor ({3.f, 4.f, 5.f});
  const EyesInLatents eyes = {torch::diag (torch::tensor ({1.f, 0.f, 0.5f})),
                              torch::ones ({size})};
  const Idle idle = fit (openness, torch::zeros ({3, frames}), latents, &eyes).idle;
  EXPECT_EQ (idle.blink[4], (std::vector<float>{3, 0, 2.5}));
}

TEST_F (FitIdle, SwayIsThePosesWithoutTheirTremble)
{
  const Tensor time = torch::arange (frames).expand ({3, frames});
  const Tensor tremble = 5 * (time % 2 * 2 - 1);
  const Idle idle =
      fit (torch::ones ({3, frames}), tremble, torch::zeros ({3 * frames, size})).idle;
  EXPECT_LT (idle.sway[0], 0.7f);
}

TEST_F (FitIdle, NobodyWhoNeverBlinksIsMadeToBlink)
{
  const Tensor glide = torch::linspace (-4, 4, frames).expand ({3, frames});
  const Idle idle =
      fit (torch::ones ({3, frames}), glide, torch::zeros ({3 * frames, size})).idle;
  EXPECT_TRUE (idle.blink.empty ());
  EXPECT_EQ (idle.blinks_per_minute, 0);
  // Uniform over 32 of 40 frames: 8 * 32/39 / sqrt (12).
  EXPECT_NEAR (idle.sway[0], 1.88, 0.05);
  EXPECT_EQ (idle.sway[1], 0);
}
