// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Named tensors <-> the parameters and buffers of a module.
#pragma once

#include "models/io/tensors.h"

#include <string>
#include <torch/nn/module.h>

namespace daetalker {

// Copies `tensors` into `module`, converted to its types (float16 and bfloat16
// files run in float32).  Strict: every parameter and buffer must be there with
// its shape, and nothing else.  `file` is named in errors.  Throws Error:
// wrong_model (names and shapes that differ), corrupt (NaN or infinity).
void load_weights (torch::nn::Module &module, const TensorMap &tensors,
                   const std::string &file);

// A configuration may ask for terabytes: it gets no more than the file of weights holds.
// `needed`: at least so many numbers has a network of this shape.  Throws Error
// (wrong_model) that names `file` and the file that the shape is from.
void require_size (double needed, const TensorMap &tensors, const std::string &file,
                   const std::string &shape_file);

// In all parameters together.
std::int64_t numbers_in (const torch::nn::Module &module);

// Every parameter and buffer by its full name, sharing memory with the module.
TensorMap named_weights (const torch::nn::Module &module);

} // namespace daetalker
