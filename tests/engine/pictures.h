// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The arithmetic engine's pictures.  The pixel at (x, y) of latent l is
//   red   255 * clamp (weights[0] * l[0], 0, 1)
//   green 255 * x / (width - 1)
//   blue  (255 * y / (height - 1) + steps - 1) mod 256
//   alpha 255
// rounded to the nearest; YUV formats carry its BT.601 or BT.709 equivalent, the
// chroma averaged over 2x2 pixels.  The image encoder gives the rest latent with
// l[0] = mean red / 255 / weights[0].  Device memory is taken from the driver without a
// GPU (tests/cuda) alone.
#pragma once

#include <memory>

#include "bundle.h"

namespace daetalker::arithmetic {

std::unique_ptr<Renderer> open_renderer (const Bundle &bundle);
std::unique_ptr<ImageEncoder> open_image_encoder (const Bundle &bundle);

} // namespace daetalker::arithmetic
