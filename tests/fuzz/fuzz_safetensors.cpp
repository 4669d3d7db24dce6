// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Any bytes as a safetensors file: refused with an Error, or views that lie inside.
#include "models/engine.h"
#include "models/io/safetensors.h"

#include <cstdlib>

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  try {
    const auto content = daetalker::parse_safetensors (data, size, "fuzz");
    unsigned sum = 0;
    for (const daetalker::TensorView &tensor : content.tensors) {
      std::uint64_t bytes = daetalker::dtype_size (tensor.dtype);
      for (const std::int64_t extent : tensor.shape)
        bytes *= static_cast<std::uint64_t> (extent);
      if (bytes != tensor.size)
        abort ();
      for (std::size_t i = 0; i < tensor.size; i++)
        sum += tensor.data[i]; // the sanitizer watches
    }
    static volatile unsigned sink;
    sink = sum;
  } catch (const daetalker::Error &) {
  }
  return 0;
}
