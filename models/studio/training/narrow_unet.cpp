// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/narrow_unet.h"

#include <torch/utils.h>
#include <utility>
#include <vector>

#include "models/engine.h"
#include "models/nn/unet.h"
#include "models/nn/weights.h"

namespace daetalker {

using torch::Tensor;

namespace {

const std::string prefix = "unet.";

// A dimension's parts, of which each keeps its first: how many there are and how many
// stay.
using Parts = std::vector<std::pair<int64_t, int64_t>>;

Parts
equal_parts (int count, int64_t from, int64_t to)
{
  return Parts (std::size_t (count), {from / count, to / count});
}

bool
ends_with (const std::string &name, const std::string &end)
{
  return name.size () >= end.size () &&
         name.compare (name.size () - end.size (), end.size (), end) == 0;
}

// The output block whose first convolution, norm or skip reads `name`'s channels, or -1.
int
reader (const std::string &name)
{
  const std::string blocks = "output_blocks.";
  if (name.rfind (blocks, 0) != 0)
    return -1;
  std::size_t digits = 0;
  const int block = std::stoi (name.substr (blocks.size ()), &digits);
  const std::string rest = name.substr (blocks.size () + digits);
  return rest.rfind (".0.in_layers.", 0) == 0 ||
                 rest.rfind (".0.skip_connection.", 0) == 0
             ? block
             : -1;
}

// Of dimension `dimension` of parameter `name`, of size `from` there and of size `to`
// here.
Parts
parts_of (const std::string &name, int64_t dimension, int64_t from, int64_t to,
          const UNet &wide, const UNet &narrow)
{
  const bool is_norm =
      ends_with (name, "in_layers.0.weight") || ends_with (name, "in_layers.0.bias");
  const int block = reader (name);
  if (block >= 0 && (dimension == 1 || is_norm)) {
    const int64_t lateral = wide->laterals ()[std::size_t (block)];
    const int64_t left = narrow->laterals ()[std::size_t (block)];
    return {{from - lateral, to - left}, {lateral, left}};
  }
  if (dimension == 0 && name.find (".emb_layers.") != std::string::npos)
    return equal_parts (2, from, to); // scales and shifts
  if (dimension == 0 && name.find (".qkv.") != std::string::npos)
    return equal_parts (3, from, to);
  if (dimension == 1 && name == "time_embed.time_embed.0.weight")
    return equal_parts (2, from, to); // of cosines and sines
  return equal_parts (1, from, to);
}

Tensor
narrowed (const Tensor &tensor, int64_t dimension, const Parts &parts)
{
  std::vector<Tensor> kept;
  int64_t first = 0;
  for (const auto &[from, to] : parts) {
    kept.push_back (tensor.narrow (dimension, first, to));
    first += from;
  }
  return torch::cat (kept, dimension);
}

void
require_narrower (const UNetConfig &from, UNetConfig to, const std::string &file)
{
  const auto refuse = [&] (const std::string &reason) {
    throw Error (ErrorCode::wrong_model, file, reason,
                 "Start from it with its own shape, or without --init");
  };
  bool fewer = from.channel_mult.size () == to.channel_mult.size ();
  for (std::size_t level = 0; fewer && level < to.channel_mult.size (); level++)
    fewer = to.model_channels * to.channel_mult[level] <=
            from.model_channels * from.channel_mult[level];
  if (!fewer || to.model_channels > from.model_channels)
    refuse ("the UNet to be trained has more channels or other levels");
  to.channel_mult = from.channel_mult;
  to.model_channels = from.model_channels;
  AutoencoderConfig one, other;
  one.unet = from;
  other.unet = to;
  if (nlohmann::json (one) != nlohmann::json (other))
    refuse ("the UNet to be trained differs in more than its channels");
}

} // namespace

TensorMap
narrowed_unet (const TensorMap &weights, const UNetConfig &from, const UNetConfig &to,
               const std::string &file)
{
  if (from.model_channels == to.model_channels && from.channel_mult == to.channel_mult)
    return weights;
  require_narrower (from, to, file);
  const torch::NoGradGuard no_gradient;
  UNet wide (from), narrow (to);
  load_weights (*wide, without_prefix (weights, prefix), file);
  const TensorMap source = named_weights (*wide);
  TensorMap result;
  for (const auto &[name, tensor] : weights)
    if (name.rfind (prefix, 0) != 0)
      result[name] = tensor;
  for (const auto &[name, own] : named_weights (*narrow)) {
    const auto found = source.find (name);
    if (found == source.end ()) {
      // Widths that were equal differ now: a skip, which passed all on.
      result[prefix + name] =
          ends_with (name, ".weight")
              ? torch::eye (own.size (0), own.size (1)).view (own.sizes ())
              : torch::zeros (own.sizes ());
      continue;
    }
    Tensor tensor = found->second.detach ();
    for (int64_t i = 0; i < tensor.dim (); i++)
      if (own.size (i) != tensor.size (i))
        tensor = narrowed (
            tensor, i, parts_of (name, i, tensor.size (i), own.size (i), wide, narrow));
    result[prefix + name] = tensor;
  }
  return result;
}

} // namespace daetalker
