// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The passes of norm_modulate_silu () on a GPU, over channels-last data: sums, what they
// make of each channel, and the values.
#pragma once

#include <cuda_runtime_api.h>

namespace daetalker {

enum class NormType { float32, float16, bfloat16 };

struct NormShape {
  int batch, pixels, channels, groups;
};

// All in the memory of the current device.
struct NormArrays {
  const void *x;      // [batch, pixels, channels]
  void *y;            // likewise
  const float *scale; // [batch, channels], or [channels] for all
  const float *shift; // likewise
  bool scale_is_shared, shift_is_shared;
  float *sums;   // [batch, norm_blocks (shape), 2, channels], scratch
  float *affine; // [batch, 2, channels], scratch
};

// Into how many blocks the pixels of a picture fall.
int norm_blocks (NormType type, const NormShape &shape);

// Asks for it on `stream` and returns.
cudaError_t launch_norm_modulate_silu (NormType type, const NormShape &shape,
                                       const NormArrays &arrays, float eps,
                                       cudaStream_t stream);

} // namespace daetalker
