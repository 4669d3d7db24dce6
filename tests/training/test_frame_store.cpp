// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/frame_store.h"

#include "models/io/tensors.h"
#include "models/studio/dataset.h"
#include "models/studio/media.h"
#include "models/studio/training/frame_latents.h"
#include "models/studio/training/reference_frames.h"
#include "tests/models/expect_error.h"
#include "tests/models/temporary_folder.h"
#include "tests/training/small_dataset.h"

#include <gtest/gtest.h>
#include <torch/utils.h>

using namespace daetalker;
using daetalker::test::TemporaryFolder;
using torch::Tensor;

namespace {

const std::vector<std::string> &names = test::small_names;
using test::mark;

class FrameStoreTest : public testing::Test {
protected:
  void SetUp () override { test::write_small_dataset (dataset_); }

  FrameStore open (const HeldOut &held_out)
  {
    return FrameStore (dataset_, folder_ / "work", held_out);
  }

  TemporaryFolder folder_;
  const std::string dataset_ = folder_ / "dataset";
};

using Names = std::vector<std::string>;

} // namespace

TEST_F (FrameStoreTest, HoldsPicturesAndSound)
{
  const FrameStore store = open ({2, {}});
  ASSERT_EQ (store.frames (), int64_t (test::small_frames * names.size ()));
  const Tensor pictures = store.pictures (torch::tensor ({4, 17}, torch::kLong));
  EXPECT_EQ (pictures[0].min ().item<int> (), mark (1, 1));
  EXPECT_EQ (pictures[1].max ().item<int> (), mark (5, 2));
  const Tensor speech = store.speech (store.clips ()[3]);
  ASSERT_EQ (speech.size (0), test::small_frames * samples_per_frame);
  EXPECT_EQ (speech[0].item<int> (), mark (3, 0));
  EXPECT_EQ (speech[-1].item<int> (), mark (3, 2));
}

TEST_F (FrameStoreTest, WhatIsHeldOutIsNotTrainedOn)
{
  const FrameStore store = open ({2, {}});
  EXPECT_EQ (store.held_out_names (), Names ({"b", "e"}));
  EXPECT_EQ (store.training ().size (0), 4 * test::small_frames);
  EXPECT_EQ (store.validation ()[0].item<int> (), 1 * test::small_frames);
}

TEST_F (FrameStoreTest, ATenthIsHeldOutAndOneAtLeast)
{
  EXPECT_EQ (open ({}).held_out_names (), Names ({"d"}));
}

TEST_F (FrameStoreTest, HeldOutByNameAsFarAsThere)
{
  EXPECT_EQ (open ({2, {"f", "zz", "c"}}).held_out_names (), Names ({"c", "f"}));
}

Autoencoder
small_autoencoder (uint64_t seed)
{
  torch::manual_seed (seed);
  AutoencoderConfig config = live_autoencoder (32);
  config.encoder.patch = 16;
  config.encoder.model_channels = 8;
  config.encoder.channel_mult = {1, 2};
  config.encoder.style_channels = config.unet.style_channels = 5;
  Autoencoder network (config);
  network->eval ();
  return network;
}

// Read again they are the file's, not another encoder's.
TEST_F (FrameStoreTest, LatentsAreKeptForTheirEncoderAlone)
{
  const FrameStore store = open ({2, {}});
  const std::string cache = dataset_ + "/latents.safetensors";
  Autoencoder one = small_autoencoder (1), other = small_autoencoder (2);
  const Tensor first = frame_latents (one, store, cache).clone ();
  ASSERT_EQ (first.sizes (),
             torch::IntArrayRef ({int64_t (test::small_frames * names.size ()), 5}));
  Metadata metadata;
  load_tensors (cache, &metadata);
  save_tensors (cache, {{"latents", first + 1}}, metadata);
  EXPECT_TRUE (frame_latents (one, store, cache).equal (first + 1));
  EXPECT_FALSE (frame_latents (other, store, cache).equal (first + 1));
  EXPECT_TRUE (frame_latents (one, store, cache).equal (first));
}

// The test's landmarks are all alike; what counts here is that no held-out frame is
// taken.
TEST_F (FrameStoreTest, ReferenceFramesAreTrainingFrames)
{
  const FrameStore store = open ({2, {}});
  const Tensor pictures = reference_frames (store, 1, 3);
  ASSERT_EQ (pictures.sizes (), torch::IntArrayRef ({1, 3, 256, 256}));
  const double brightness = (pictures[0].mean ().item<double> () + 1) * 127.5;
  const Tensor training = store.pictures (store.training ()).select (1, 0).select (1, 0);
  EXPECT_LT ((training.select (1, 0).to (torch::kFloat) - brightness)
                 .abs ()
                 .min ()
                 .item<double> (),
             0.01);
}

// Measured on what was trained on, an avatar would look better than it is.
TEST_F (FrameStoreTest, HeldOutStaysHeldOut)
{
  EXPECT_EQ (open ({2, {}}).held_out_names (), Names ({"b", "e"}));
  EXPECT_EQ (open ({3, {}}).held_out_names (), Names ({"b", "e"}));
  EXPECT_EQ (open ({2, {"a"}}).held_out_names (), Names ({"b", "e"}));
}

TEST_F (FrameStoreTest, NothingToHoldOutOrToTrainOn)
{
  EXPECT_ERROR (open ({6, {}}), ErrorCode::wrong_model, "held out");
  EXPECT_ERROR (open ({2, {"zz"}}), ErrorCode::wrong_model, "0 would be held out");
}

TEST_F (FrameStoreTest, AnotherDatasetIsNotTakenForTheOld)
{
  open ({2, {}});
  DatasetIndex index = load_dataset_index (dataset_);
  index.clips.pop_back ();
  save_dataset_index (dataset_, index);
  EXPECT_ERROR (open ({2, {}}), ErrorCode::wrong_model, "is not the dataset");
}
