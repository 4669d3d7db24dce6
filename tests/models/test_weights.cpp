// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/weights.h"
#include "tests/models/expect_error.h"
#include "tests/models/temporary_folder.h"

#include <gtest/gtest.h>
#include <limits>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

using namespace daetalker;
using daetalker::test::TemporaryFolder;

namespace {

struct SmallNet : torch::nn::Module {
  SmallNet ()
  {
    linear = register_module ("linear", torch::nn::Linear (3, 2));
    norm = register_module ("norm", torch::nn::BatchNorm1d (2));
  }
  torch::nn::Linear linear{nullptr};
  torch::nn::BatchNorm1d norm{nullptr};
};

TensorMap
copies (const TensorMap &tensors)
{
  TensorMap result;
  for (const auto &[name, tensor] : tensors)
    result[name] = tensor.detach ().clone ();
  return result;
}

} // namespace

TEST (Tensors, ComeBackFromTheFile)
{
  const TemporaryFolder folder;
  const TensorMap tensors{{"f", torch::randn ({2, 3})},
                          {"h", torch::randn ({5}).to (torch::kHalf)},
                          {"b", torch::randn ({4}).to (torch::kBFloat16)},
                          {"i", torch::tensor (42, torch::kInt64)},
                          {"t", torch::randn ({3, 2}).t ()},
                          {"none", torch::empty ({0, 2})}};
  save_tensors (folder / "x", tensors, {{"k", "v"}});
  Metadata metadata;
  const TensorMap loaded = load_tensors (folder / "x", &metadata);
  EXPECT_EQ (metadata.at ("k"), "v");
  ASSERT_EQ (loaded.size (), tensors.size ());
  for (const auto &[name, tensor] : tensors)
    EXPECT_TRUE (torch::equal (loaded.at (name), tensor)) << name;
}

TEST (Tensors, OutliveTheirFileAndDoNotChangeIt)
{
  const TemporaryFolder folder;
  save_tensors (folder / "x", {{"a", torch::ones ({3})}});
  torch::Tensor a = load_tensors (folder / "x").at ("a");
  a.add_ (1);
  EXPECT_TRUE (torch::equal (a, torch::full ({3}, 2.f)));
  EXPECT_TRUE (torch::equal (load_tensors (folder / "x").at ("a"), torch::ones ({3})));
}

TEST (Tensors, Float16KeepsWhatWouldOverflow)
{
  const TemporaryFolder folder;
  save_tensors (folder / "x",
                {{"big", torch::full ({1}, 1e6f)},
                 {"small", torch::full ({1}, 0.5f)},
                 {"count", torch::tensor (7, torch::kInt64)}},
                {}, torch::kHalf);
  const TensorMap loaded = load_tensors (folder / "x");
  EXPECT_EQ (loaded.at ("big").scalar_type (), torch::kFloat);
  EXPECT_EQ (loaded.at ("small").scalar_type (), torch::kHalf);
  EXPECT_EQ (loaded.at ("count").scalar_type (), torch::kInt64);
}

TEST (Tensors, UnalignedFilesAreCopied)
{
  const TemporaryFolder folder;
  // A byte before the float: allowed by the format, unaligned for float32.
  const std::string header = R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                             R"("f":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})";
  const std::uint64_t size = header.size ();
  const float value = 1.25f;
  std::string file (reinterpret_cast<const char *> (&size), 8);
  file += header + "x";
  file.append (reinterpret_cast<const char *> (&value), 4);
  daetalker::test::write_text (folder / "x", file);
  EXPECT_EQ (load_tensors (folder / "x").at ("f").item<float> (), value);
}

TEST (Tensors, Prefixes)
{
  TensorMap all;
  add_with_prefix (all, {{"w", torch::ones ({1})}}, "unet.");
  add_with_prefix (all, {{"w", torch::zeros ({1})}}, "encoder.");
  EXPECT_EQ (all.size (), 2u);
  EXPECT_EQ (without_prefix (all, "unet.").at ("w").item<float> (), 1.f);
}

TEST (Weights, RoundTripIncludingBuffers)
{
  SmallNet source, target;
  source.norm->running_mean.fill_ (3);
  load_weights (target, copies (named_weights (source)), "test");
  for (const auto &[name, tensor] : named_weights (source))
    EXPECT_TRUE (torch::equal (named_weights (target).at (name), tensor)) << name;
  EXPECT_EQ (named_weights (source).size (), 7u);
}

TEST (Weights, HalfFilesRunInFloat32)
{
  SmallNet net;
  TensorMap weights = copies (named_weights (net));
  const torch::Tensor half = torch::randn ({2, 3}).to (torch::kHalf);
  weights["linear.weight"] = half;
  load_weights (net, weights, "test");
  EXPECT_EQ (net.linear->weight.scalar_type (), torch::kFloat);
  EXPECT_TRUE (torch::equal (net.linear->weight, half.to (torch::kFloat)));
}

TEST (Weights, NamesEveryDifference)
{
  SmallNet net;
  TensorMap weights = copies (named_weights (net));
  weights.erase ("linear.bias");
  EXPECT_ERROR (load_weights (net, weights, "file"), ErrorCode::wrong_model,
                "\"linear.bias\" is missing");
  weights = copies (named_weights (net));
  weights["other"] = torch::ones ({1});
  EXPECT_ERROR (load_weights (net, weights, "file"), ErrorCode::wrong_model,
                "\"other\" is unexpected");
  weights = copies (named_weights (net));
  weights["linear.weight"] = torch::ones ({3, 2});
  EXPECT_ERROR (load_weights (net, weights, "file"), ErrorCode::wrong_model,
                "\"linear.weight\" is [3, 2] and should be [2, 3]");
}

TEST (Weights, NaNAndInfinityAreCorrupt)
{
  SmallNet net;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN (),
                          std::numeric_limits<float>::infinity ()}) {
    TensorMap weights = copies (named_weights (net));
    weights["linear.weight"][1][2] = bad;
    EXPECT_ERROR (load_weights (net, weights, "file"), ErrorCode::corrupt,
                  "linear.weight");
  }
}
