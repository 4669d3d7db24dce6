// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "models/engine/pixel_math.h"

#include <cuda_runtime_api.h>

namespace daetalker {

// write_pixels () for an image and planes in the memory of the current device: asks for
// it on `stream` and returns.  `out` was checked with check_view ().
cudaError_t write_device_pixels (const FloatImage &image, const ImageView &out,
                                 cudaStream_t stream);

} // namespace daetalker
