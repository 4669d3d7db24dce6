// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/listener.h"

#include "models/io/tensors.h"
#include "tests/models/temporary_folder.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <torch/utils.h>

using namespace daetalker;
using daetalker::test::TemporaryFolder;
using torch::Tensor;

namespace {

// A speech encoder without weights, and the file of what it heard.
class ListenerTest : public testing::Test {
protected:
  void SetUp () override
  {
    std::filesystem::create_directories (encoder_);
    std::ofstream (encoder_ + "/config.json")
        << R"({"model_type": "log-mel", "stack": 2})";
  }

  const TemporaryFolder folder_;
  const std::string encoder_ = folder_ / "log-mel";
  const std::string memory_ = folder_ / "features.safetensors";
};

Tensor
some_speech ()
{
  torch::manual_seed (1);
  return 0.1 * torch::randn ({4000});
}

void
forget_contents (const std::string &memory)
{
  Metadata metadata;
  TensorMap zeros;
  for (const auto &[name, rows] : load_tensors (memory, &metadata))
    zeros[name] = torch::zeros_like (rows);
  save_tensors (memory, zeros, metadata);
}

} // namespace

TEST_F (ListenerTest, HearsOnceAndRemembers)
{
  const Tensor wave = some_speech ();
  Listener first (encoder_, memory_);
  const Tensor heard = first.listen (wave);
  EXPECT_EQ (heard.size (0), 13); // hops of 320, the last one not whole
  EXPECT_GT (heard.abs ().max ().item<float> (), 0.1f);
  first.remember ();

  EXPECT_TRUE (torch::equal (Listener (encoder_, memory_).listen (wave), heard));
  forget_contents (memory_); // what is told now can only come from there
  Listener second (encoder_, memory_);
  EXPECT_EQ (second.listen (wave).abs ().max ().item<float> (), 0.0f);
  EXPECT_GT (second.listen (2 * wave).abs ().max ().item<float> (), 0.1f);
  EXPECT_GT (second.listen_augmented (wave).abs ().max ().item<float> (), 0.1f);
}

TEST_F (ListenerTest, DoesNotTakeAnotherEncodersWord)
{
  save_tensors (memory_, {{"x", torch::zeros ({1})}}, {{"encoder", "another"}});
  Listener listener (encoder_, memory_);
  listener.listen (some_speech ());
  listener.remember ();
  Metadata metadata;
  EXPECT_EQ (load_tensors (memory_, &metadata).size (), 1u);
  EXPECT_NE (metadata["encoder"], "another");
}
