// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Processes that train together: two of them are one with twice the batch.
#include "models/studio/training/workers.h"

#include "models/io/tensors.h"
#include "models/nn/unet.h"
#include "models/nn/weights.h"
#include "models/studio/training/diffusion_batches.h"
#include "models/studio/training/optimizer.h"
#include "tests/models/expect_error.h"
#include "tests/models/temporary_folder.h"
#include "tests/training/small_dataset.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <torch/utils.h>
#include <unistd.h>

using namespace daetalker;
using daetalker::test::TemporaryFolder;
using torch::Tensor;

namespace {

constexpr int steps = 4, both = 8; // pictures of all processes together

UNetConfig
small_unet ()
{
  UNetConfig config;
  config.patch = 8;
  config.model_channels = 32;
  config.channel_mult = {1};
  config.num_res_blocks = 1;
  config.attention_resolutions = {};
  config.middle_attention = false;
  config.embed_channels = 32;
  config.style_channels = 4;
  config.dropout = 0;
  return config;
}

// Trains on the frames in `folder` and saves the weights as `folder`/NAME.safetensors.
void
train (const std::string &folder, const std::string &name,
       std::shared_ptr<Workers> workers)
{
  const FrameStore store (folder + "/dataset", folder + "/work", {1, {}});
  // Each begins with weights of its own: the first one's count.
  torch::manual_seed (uint64_t (1 + workers->rank ()));
  UNet net (small_unet ());
  net->named_parameters ()["out.2.weight"].data ().normal_ ();
  AdamOptions options;
  options.workers = workers;
  options.learning_rate = 0.1;
  // What has no gradient (a bias before a norm) must not follow the rounding errors.
  options.eps = 1e-3;
  MasterAdam adam (*net, options);
  adam.share ();
  DiffusionBatchOptions batches;
  batches.size = both / workers->size ();
  batches.encoder_patch = 0;
  batches.part = workers->rank ();
  batches.parts = workers->size ();
  DiffusionBatches source (
      store, batches, torch::randn ({3, 256, 256}, at::detail::createCPUGenerator (5)),
      torch::kFloat, 7);
  for (int step = 0; step < steps; step++) {
    const DiffusionBatch batch = source.next ();
    const Tensor z = batch.frames.to (torch::kFloat).unsqueeze (1).expand ({-1, 4}) / 10;
    const Tensor made = net->forward_patches (batch.noisy, batch.t, z).picture;
    const Tensor error = (made - batch.pictures).square ().mean (1, true);
    (torch::avg_pool2d (error, 8) * batch.weights).mean ().backward ();
    adam.step ();
  }
  save_tensors (folder + "/" + name + ".safetensors", adam.averaged ());
}

// This program again, as process `rank` of `size`.
pid_t
start (const std::string &folder, int rank, int size, int port)
{
  const pid_t child = fork ();
  if (child != 0)
    return child;
  setenv ("RANK", std::to_string (rank).c_str (), 1);
  setenv ("WORLD_SIZE", std::to_string (size).c_str (), 1);
  setenv ("MASTER_ADDR", "127.0.0.1", 1);
  setenv ("MASTER_PORT", std::to_string (port).c_str (), 1);
  setenv ("DAETALKER_TEST_WORKER", folder.c_str (), 1);
  execl ("/proc/self/exe", "worker", nullptr);
  _exit (127);
}

int
exit_status (pid_t child)
{
  int status = 0;
  waitpid (child, &status, 0);
  return WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

double
largest_difference (const TensorMap &a, const TensorMap &b)
{
  double largest = 0;
  EXPECT_EQ (a.size (), b.size ());
  for (const auto &[name, tensor] : a)
    largest = std::max (largest, (tensor - b.at (name)).abs ().max ().item<double> ());
  return largest;
}

TEST (Workers, TwoProcessesAreOneWithTwiceTheBatch)
{
  const TemporaryFolder folder;
  test::write_small_dataset (folder / "dataset");
  train (folder.path (), "alone", workers_of_environment ());
  const int port = 20000 + int (getpid () % 20000);
  const pid_t first = start (folder.path (), 0, 2, port);
  const pid_t second = start (folder.path (), 1, 2, port);
  ASSERT_EQ (exit_status (first), 0);
  ASSERT_EQ (exit_status (second), 0);
  const auto alone = load_tensors (folder / "alone.safetensors"),
             zero = load_tensors (folder / "0.safetensors"),
             one = load_tensors (folder / "1.safetensors");
  EXPECT_EQ (largest_difference (zero, one), 0) << "they went apart";
  EXPECT_LT (largest_difference (alone, zero), 1e-4);
  // and they went somewhere
  torch::manual_seed (1);
  UNet fresh (small_unet ());
  double moved = 0;
  for (const auto &item : fresh->named_parameters ())
    if (item.key () != "out.2.weight")
      moved = std::max (
          moved, (item.value () - alone.at (item.key ())).abs ().max ().item<double> ());
  EXPECT_GT (moved, 1e-2);
}

TEST (Workers, AloneWithoutTheVariables)
{
  unsetenv ("WORLD_SIZE");
  const auto workers = workers_of_environment ();
  EXPECT_EQ (workers->size (), 1);
  EXPECT_TRUE (workers->is_first ());
  EXPECT_EQ (workers->agree (0.25), 0.25);
  int calls = 0;
  workers->in_turn ([&] { calls++; });
  EXPECT_EQ (calls, 1);
}

TEST (Workers, VariablesThatDoNotFitAreRefused)
{
  setenv ("WORLD_SIZE", "2", 1);
  unsetenv ("RANK");
  EXPECT_ERROR (workers_of_environment (), ErrorCode::wrong_model, "torchrun");
  setenv ("RANK", "2", 1);
  EXPECT_ERROR (workers_of_environment (), ErrorCode::wrong_model, "from 0 to 1");
  setenv ("WORLD_SIZE", "two", 1);
  EXPECT_ERROR (workers_of_environment (), ErrorCode::wrong_model, "two");
  unsetenv ("WORLD_SIZE");
  unsetenv ("RANK");
}

} // namespace

int
main (int argc, char **argv)
{
  if (const char *folder = std::getenv ("DAETALKER_TEST_WORKER")) {
    try {
      const auto workers = workers_of_environment ();
      train (folder, std::to_string (workers->rank ()), workers);
      return 0;
    } catch (const std::exception &error) {
      std::fprintf (stderr, "%s\n", error.what ());
      return 1;
    }
  }
  testing::InitGoogleTest (&argc, argv);
  return RUN_ALL_TESTS ();
}
