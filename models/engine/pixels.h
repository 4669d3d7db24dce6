// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Pictures of the networks (float RGB in [-1, 1]) <-> pictures of video frames.
#pragma once

#include "models/engine/pixel_math.h"

#include <array>

namespace daetalker {

inline FloatImage
planar_image (float *data, int width, int height)
{
  return {data, width, height, std::ptrdiff_t (width) * height, width, 1};
}

inline FloatImage
interleaved_image (float *data, int width, int height)
{
  return {data, width, height, 1, 3 * std::ptrdiff_t (width), 3};
}

inline float
from_byte (std::uint8_t value)
{
  return float (value) / 127.5f - 1.0f;
}

// What a picture of a format fills of each plane; rows 0 where it has none.
struct PlaneExtent {
  int bytes = 0; // of a row, without padding
  int rows = 0;
};
std::array<PlaneExtent, 3> plane_extents (PixelFormat format, int width, int height);

// Throws Error (failed) if sizes differ, a plane is missing or a stride is too short.
void check_view (const ImageView &view, const FloatImage &image);

// Throws like check_view; and if the planes are device memory.
void write_pixels (const FloatImage &image, const ImageView &out);

// `in` must be PixelFormat::rgb; throws like write_pixels.
void read_pixels (const ImageView &in, const FloatImage &image);

} // namespace daetalker
