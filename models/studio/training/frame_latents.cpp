// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/frame_latents.h"

#include "models/io/files.h"
#include "models/io/tensors.h"
#include "models/nn/weights.h"
#include "models/studio/progress.h"
#include "models/studio/training/patches.h"

#include <filesystem>
#include <torch/utils.h>

namespace daetalker {

using torch::Tensor;

namespace {

// Of what makes the latents, as it computes.
std::string
fingerprint (Autoencoder &network)
{
  const TensorMap weights = network->encoder
                                ? named_weights (*network->encoder)
                                : named_weights (*network->unet->eigenfaces ());
  std::string hashes;
  for (const auto &entry : weights) {
    const Tensor numbers = entry.second.detach ().contiguous ();
    hashes += sha256 (numbers.data_ptr (), numbers.nbytes ());
  }
  return sha256 (hashes.data (), hashes.size ());
}

} // namespace

Tensor
frame_latents (Autoencoder &network, const FrameStore &store, const std::string &cache)
{
  torch::NoGradGuard guard;
  const std::string of = fingerprint (network);
  if (std::filesystem::exists (cache)) {
    Metadata metadata;
    TensorMap kept = load_tensors (cache, &metadata);
    const auto latents = kept.find ("latents");
    if (metadata["encoder"] == of && latents != kept.end () &&
        latents->second.size (0) == store.frames ())
      return latents->second;
  }
  constexpr int64_t batch = 32;
  std::vector<Tensor> latents;
  Progress progress ("latents", size_t (store.frames ()));
  for (int64_t first = 0; first < store.frames (); first += batch) {
    int64_t last = std::min (first + batch, store.frames ());
    latents.push_back (
        network->encode (picture_batch (store.pictures (torch::arange (first, last)))));
    progress.add (size_t (last - first));
  }
  const Tensor result = torch::cat (latents);
  save_tensors (cache, {{"latents", result}}, {{"encoder", of}});
  return result;
}

} // namespace daetalker
