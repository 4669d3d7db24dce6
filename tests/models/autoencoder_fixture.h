// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A fixture of tests/fixtures/make_autoencoder_fixtures.py: a small random-weight
// autoencoder with inputs and the reference's outputs.
#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include "models/io/tensors.h"
#include "models/nn/autoencoder_config.h"
#include "models/nn/semantic_encoder.h"
#include "models/nn/unet.h"
#include "models/nn/weights.h"

#include <cstdlib>
#include <string>

#include "tests/models/tolerance.h"

namespace daetalker {

// Meson sets the variable; by hand the tests run from the top of the repository.
inline std::string
fixture_path (const std::string &name)
{
  const char *folder = std::getenv ("DAETALKER_FIXTURES");
  return std::string (folder ? folder : "tests/fixtures") + "/" + name;
}

struct AutoencoderFixture {
  explicit AutoencoderFixture (const std::string &name)
      : file (fixture_path ("autoencoder_" + name + ".safetensors"))
  {
    Metadata metadata;
    tensors = load_tensors (file, &metadata);
    config = nlohmann::json::parse (metadata.at ("config")).get<AutoencoderConfig> ();
    validate (config, file);
    unet = UNet (config.unet);
    encoder = SemanticEncoder (config.encoder);
    load_weights (*unet, without_prefix (tensors, "unet."), file);
    load_weights (*encoder, without_prefix (tensors, "encoder."), file);
    unet->eval ();
    encoder->eval ();
  }

  const torch::Tensor &operator[] (const std::string &name) const
  {
    return tensors.at (name);
  }

  std::string file;
  TensorMap tensors;
  AutoencoderConfig config;
  UNet unet{nullptr};
  SemanticEncoder encoder{nullptr};
};

// Largest difference, where the largest expected magnitude above 1 is the unit.
inline double
difference (const torch::Tensor &actual, const torch::Tensor &expected)
{
  EXPECT_EQ (actual.sizes (), expected.sizes ());
  auto unit = std::max (1.0, expected.abs ().max ().item<double> ());
  return (actual.to (torch::kDouble) - expected.to (torch::kDouble))
             .abs ()
             .max ()
             .item<double> () /
         unit;
}

inline double
relative_difference (const torch::Tensor &actual, const torch::Tensor &expected)
{
  EXPECT_EQ (actual.sizes (), expected.sizes ());
  auto exact = expected.to (torch::kDouble);
  return ((actual.to (torch::kDouble) - exact).norm () / exact.norm ()).item<double> ();
}

} // namespace daetalker
