// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Pictures of the networks (float RGB in [-1, 1]) <-> pictures of video frames.
// The arithmetic per pixel is inline and free of any library, so that a device
// kernel computes the same.
#pragma once

#include "models/engine.h"

#include <cstddef>

namespace daetalker {

// RGB of a network: sample (c, y, x) lies at
// data[c * channel_stride + y * row_stride + x * pixel_stride].
struct FloatImage {
  float *data = nullptr;
  int width = 0;
  int height = 0;
  std::ptrdiff_t channel_stride = 0;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t pixel_stride = 0;
};

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

// [-1, 1] -> [0, 255], rounded; values outside are clamped, NaN becomes 0.
inline std::uint8_t
to_byte (float value)
{
  const float scaled = value * 127.5f + 128.0f; // + 127.5, and 0.5 to round
  return scaled > 0.0f ? std::uint8_t (scaled < 255.0f ? scaled : 255.0f) : 0;
}

inline float
from_byte (std::uint8_t value)
{
  return float (value) / 127.5f - 1.0f;
}

// 8-bit R'G'B' -> 8-bit Y'CbCr, as ITU-R BT.601 and BT.709 define them.  Each row
// of coefficients already holds the scale of its range.
struct YuvMatrix {
  float y[3], cb[3], cr[3];
  float y_offset;
};

inline YuvMatrix
yuv_matrix (ColorMatrix matrix, bool full_range)
{
  const float red = matrix == ColorMatrix::bt601 ? 0.299f : 0.2126f;
  const float blue = matrix == ColorMatrix::bt601 ? 0.114f : 0.0722f;
  const float green = 1 - red - blue;
  const float luma = full_range ? 1.0f : 219.0f / 255.0f;
  const float chroma = full_range ? 1.0f : 224.0f / 255.0f;
  const float cb = chroma / (2 * (1 - blue));
  const float cr = chroma / (2 * (1 - red));
  return {{red * luma, green * luma, blue * luma},
          {-red * cb, -green * cb, (1 - blue) * cb},
          {(1 - red) * cr, -green * cr, -blue * cr},
          full_range ? 0.0f : 16.0f};
}

inline float
weighted (const float (&weights)[3], const float (&rgb)[3])
{
  return weights[0] * rgb[0] + weights[1] * rgb[1] + weights[2] * rgb[2];
}

// Chroma is the mean of 2x2 pixels (fewer at odd right and lower edges).  Throws
// Error (failed) if sizes differ, a plane is missing, a stride is too short, or the
// planes are device memory.
void write_pixels (const FloatImage &image, const ImageView &out);

// `in` must be PixelFormat::rgb; throws like write_pixels.
void read_pixels (const ImageView &in, const FloatImage &image);

} // namespace daetalker
