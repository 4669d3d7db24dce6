// SPDX-License-Identifier: LGPL-2.1-or-later
//
// safetensors files as LibTorch tensors.
#pragma once

#include "models/io/safetensors.h"

#include <map>
#include <optional>
#include <string>
#include <torch/types.h>

namespace daetalker {

using TensorMap = std::map<std::string, torch::Tensor>;

// Every tensor of the file, on the CPU, in the file's data type.  The tensors
// are the mapped file itself (copied where its bytes are unaligned) and keep the
// mapping alive.  Throws Error: not_found, unreadable, corrupt, or wrong_model
// for a data type that LibTorch lacks.
TensorMap load_tensors (const std::string &path, Metadata *metadata = nullptr);

// `float_type` (torch::kHalf, kBFloat16, kFloat): what floating-point tensors
// are stored as; a tensor that would overflow in it keeps its own type.
void save_tensors (const std::string &path, const TensorMap &tensors,
                   const Metadata &metadata = {},
                   std::optional<torch::ScalarType> float_type = std::nullopt);

// The tensors whose names begin with `prefix`, without it.
TensorMap without_prefix (const TensorMap &tensors, const std::string &prefix);

// Adds `tensors` to `target` with `prefix` before their names.
void add_with_prefix (TensorMap &target, const TensorMap &tensors,
                      const std::string &prefix);

} // namespace daetalker
