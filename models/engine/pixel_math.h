// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Pictures of the networks (float RGB in [-1, 1]) as bytes of video frames: the
// arithmetic of 2x2 pixels, one source for the CPU and for CUDA kernels.
#pragma once

#include "models/engine.h"

#include <cstddef>
#include <cstdint>

#ifdef __CUDACC__
#define DAETALKER_HOST_DEVICE __host__ __device__
#else
#define DAETALKER_HOST_DEVICE
#endif

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

// [-1, 1] -> [0, 255], rounded; values outside are clamped, NaN becomes 0.
DAETALKER_HOST_DEVICE inline std::uint8_t
to_byte (float value)
{
  const float scaled = value * 127.5f + 128.0f; // + 127.5, and 0.5 to round
  return scaled > 0.0f ? std::uint8_t (scaled < 255.0f ? scaled : 255.0f) : 0;
}

// The sums of coefficients leave [0, 255] by rounding at most.
DAETALKER_HOST_DEVICE inline std::uint8_t
round_byte (float value)
{
  const float rounded = value + 0.5f;
  return std::uint8_t (rounded < 0.0f ? 0.0f : rounded > 255.0f ? 255.0f : rounded);
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

DAETALKER_HOST_DEVICE inline float
weighted (const float (&weights)[3], const float (&rgb)[3])
{
  return weights[0] * rgb[0] + weights[1] * rgb[1] + weights[2] * rgb[2];
}

// Where a packed format keeps its bytes; -1 = no such byte.
struct PackedLayout {
  int size, red, green, blue, filler;
};

DAETALKER_HOST_DEVICE inline PackedLayout
packed_layout (PixelFormat format)
{
  switch (format) {
  case PixelFormat::rgba:
  case PixelFormat::rgbx:
    return {4, 0, 1, 2, 3};
  case PixelFormat::bgrx:
    return {4, 2, 1, 0, 3};
  default:
    return {3, 0, 1, 2, -1};
  }
}

// A picture's memory without the containers that device code lacks.
struct PixelPlanes {
  PixelFormat format;
  int width, height;
  std::uint8_t *plane[3];
  std::ptrdiff_t stride[3];
};

inline PixelPlanes
pixel_planes (const ImageView &view)
{
  return {view.format,
          view.width,
          view.height,
          {view.plane[0], view.plane[1], view.plane[2]},
          {view.stride[0], view.stride[1], view.stride[2]}};
}

DAETALKER_HOST_DEVICE inline void
load_pixel (const FloatImage &image, int x, int y, float (&rgb)[3])
{
  const float *source = image.data + y * image.row_stride + x * image.pixel_stride;
  for (int channel = 0; channel < 3; channel++)
    rgb[channel] = to_byte (source[channel * image.channel_stride]);
}

// Writes the pixels (x, y) to (x + 1, y + 1), as far as there are; x and y are even.
// Chroma is their mean (of fewer at odd right and lower edges).
DAETALKER_HOST_DEVICE inline void
write_yuv_block (const FloatImage &image, const PixelPlanes &out, const YuvMatrix &matrix,
                 int x, int y)
{
  float sum[3] = {0, 0, 0};
  int count = 0;
  for (int yy = y; yy < y + 2 && yy < out.height; yy++)
    for (int xx = x; xx < x + 2 && xx < out.width; xx++, count++) {
      float rgb[3];
      load_pixel (image, xx, yy, rgb);
      out.plane[0][yy * out.stride[0] + xx] =
          round_byte (weighted (matrix.y, rgb) + matrix.y_offset);
      for (int channel = 0; channel < 3; channel++)
        sum[channel] += rgb[channel];
    }
  const float mean[3] = {sum[0] / count, sum[1] / count, sum[2] / count};
  const bool interleaved = out.format == PixelFormat::nv12;
  std::uint8_t *cb = out.plane[1] + y / 2 * out.stride[1] + (interleaved ? x : x / 2);
  std::uint8_t *cr = interleaved ? cb + 1 : out.plane[2] + y / 2 * out.stride[2] + x / 2;
  *cb = round_byte (weighted (matrix.cb, mean) + 128);
  *cr = round_byte (weighted (matrix.cr, mean) + 128);
}

DAETALKER_HOST_DEVICE inline void
write_packed_pixel (const FloatImage &image, const PixelPlanes &out,
                    const PackedLayout &layout, int x, int y)
{
  const float *source = image.data + y * image.row_stride + x * image.pixel_stride;
  std::uint8_t *target = out.plane[0] + y * out.stride[0] + x * layout.size;
  target[layout.red] = to_byte (source[0]);
  target[layout.green] = to_byte (source[image.channel_stride]);
  target[layout.blue] = to_byte (source[2 * image.channel_stride]);
  if (layout.filler >= 0)
    target[layout.filler] = 255;
}

DAETALKER_HOST_DEVICE inline bool
is_yuv (PixelFormat format)
{
  return format == PixelFormat::i420 || format == PixelFormat::nv12;
}

} // namespace daetalker
