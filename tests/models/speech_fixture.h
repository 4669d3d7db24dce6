// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Fixtures of tests/fixtures/make_speech_fixtures.py, and the translation of the
// upstream Conformers' names into ours.
#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include "models/io/tensors.h"

#include <cstdlib>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "tests/models/tolerance.h"

namespace daetalker {

// Meson sets the variable; by hand the tests run from the top of the repository.
inline std::string
speech_fixture (const std::string &name)
{
  const char *folder = std::getenv ("DAETALKER_FIXTURES");
  return std::string (folder ? folder : "tests/fixtures") + "/speech_" + name;
}

// The largest absolute difference.
inline double
largest_difference (const torch::Tensor &actual, const torch::Tensor &expected)
{
  EXPECT_EQ (actual.sizes (), expected.sizes ());
  return (actual - expected).abs ().max ().item<double> ();
}

inline double
relative_error (const torch::Tensor &actual, const torch::Tensor &expected)
{
  EXPECT_EQ (actual.sizes (), expected.sizes ());
  const auto exact = expected.to (torch::kFloat64);
  return ((actual.to (torch::kFloat64) - exact).norm () / exact.norm ()).item<double> ();
}

// Replacements of regular expressions, in order.
using Renames = std::vector<std::pair<const char *, const char *>>;

inline std::string
rename (std::string name, const Renames &renames)
{
  for (const auto &[pattern, replacement] : renames)
    name = std::regex_replace (name, std::regex (pattern), replacement);
  return name;
}

// The table in models/nn/conformer.h.
inline TensorMap
from_torchaudio (const TensorMap &fixture)
{
  static const Renames renames = {
      {"^conformer_layers\\.", "blocks."},
      {"(ffn[12])\\.sequential\\.0\\.", "norm_$1."},
      {"(ffn[12])\\.sequential\\.1\\.", "$1.inner."},
      {"(ffn[12])\\.sequential\\.4\\.", "$1.outer."},
      {"self_attn_layer_norm\\.", "norm_attention."},
      {"self_attn\\.in_proj_", "attention.qkv."},
      {"self_attn\\.out_proj\\.", "attention.out."},
      {"conv_module\\.layer_norm\\.", "norm_convolution."},
      {"conv_module\\.sequential\\.0\\.", "convolution.inner."},
      {"conv_module\\.sequential\\.2\\.", "convolution.depthwise."},
      {"conv_module\\.sequential\\.3\\.", "convolution.norm."},
      {"conv_module\\.sequential\\.5\\.", "convolution.outer."},
      {"final_layer_norm\\.", "norm_final."},
  };
  TensorMap tensors;
  for (const auto &[name, tensor] : fixture)
    if (name.rfind ("conformer_layers.", 0) == 0)
      tensors[rename (name, renames)] = tensor;
  return tensors;
}

inline TensorMap
from_espnet (const TensorMap &fixture)
{
  static const Renames renames = {
      {"^encoders\\.", "blocks."},
      {"feed_forward_macaron\\.", "ffn1."},
      {"feed_forward\\.", "ffn2."},
      {"w_1\\.", "inner."},
      {"w_2\\.", "outer."},
      {"norm_ff_macaron\\.", "norm_ffn1."},
      {"norm_ff\\.", "norm_ffn2."},
      {"norm_mha\\.", "norm_attention."},
      {"norm_conv\\.", "norm_convolution."},
      {"self_attn\\.linear_out\\.", "attention.out."},
      {"self_attn\\.linear_pos\\.", "attention.position."},
      {"self_attn\\.pos_bias_", "attention.bias_"},
      {"conv_module\\.pointwise_conv1\\.", "convolution.inner."},
      {"conv_module\\.depthwise_conv\\.", "convolution.depthwise."},
      {"conv_module\\.pointwise_conv2\\.", "convolution.outer."},
      {"conv_module\\.norm\\.", "convolution.norm."},
  };
  TensorMap tensors;
  for (const auto &[name, tensor] : fixture) {
    const auto query = name.find ("self_attn.linear_q.");
    if (query != std::string::npos) {
      std::vector<torch::Tensor> parts;
      for (const char *part : {"q", "k", "v"})
        parts.push_back (fixture.at (std::string (name).replace (query + 17, 1, part)));
      const auto qkv =
          std::regex_replace (name, std::regex ("self_attn\\.linear_q"), "attention.qkv");
      tensors[rename (qkv, renames)] = torch::cat (parts);
    } else if (name.rfind ("encoders.", 0) == 0 &&
               name.find ("self_attn.linear_k.") == std::string::npos &&
               name.find ("self_attn.linear_v.") == std::string::npos) {
      tensors[rename (name, renames)] = tensor;
    }
  }
  return tensors;
}

// Pointwise convolutions are linear layers here; the counters of batches that batch
// norms keep are ours too.
inline TensorMap
squeeze_pointwise (TensorMap tensors)
{
  for (const char *name : {"convolution.inner.weight", "convolution.outer.weight"})
    for (auto &[key, tensor] : tensors)
      if (key.find (name) != std::string::npos)
        tensor = tensor.squeeze (2);
  return tensors;
}

} // namespace daetalker
