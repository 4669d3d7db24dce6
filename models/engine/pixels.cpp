// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/pixels.h"

#include <algorithm>
#include <cmath>

namespace daetalker {
namespace {

// Where a packed format keeps its bytes; -1 = no such byte.
struct PackedLayout {
  int size, red, green, blue, filler;
};

PackedLayout
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

bool
is_planar (PixelFormat format)
{
  return format == PixelFormat::i420 || format == PixelFormat::nv12;
}

void
check_view (const ImageView &view, const FloatImage &image)
{
  const auto refuse = [] (const char *reason) {
    throw Error (ErrorCode::failed, "picture", reason,
                 "Give a picture of the avatar's size in this process's memory");
  };
  if (view.device_memory)
    refuse ("it lies in device memory, and the networks run on the CPU");
  if (view.width != image.width || view.height != image.height)
    refuse ("its size is not the avatar's");
  const int chroma_width = (view.width + 1) / 2;
  int widths[3] = {view.width, 0, 0};
  if (view.format == PixelFormat::i420)
    widths[1] = widths[2] = chroma_width;
  else if (view.format == PixelFormat::nv12)
    widths[1] = 2 * chroma_width;
  else
    widths[0] *= packed_layout (view.format).size;
  for (int i = 0; i < 3; i++)
    if (widths[i] > 0 && (!view.plane[i] || view.stride[i] < widths[i]))
      refuse ("a plane is missing or its stride is too short");
}

void
load_pixel (const FloatImage &image, int x, int y, float (&rgb)[3])
{
  const float *source = image.data + y * image.row_stride + x * image.pixel_stride;
  for (int channel = 0; channel < 3; channel++)
    rgb[channel] = to_byte (source[channel * image.channel_stride]);
}

void
write_packed (const FloatImage &image, const ImageView &out)
{
  const PackedLayout layout = packed_layout (out.format);
  for (int y = 0; y < out.height; y++) {
    const float *source = image.data + y * image.row_stride;
    std::uint8_t *target = out.plane[0] + std::ptrdiff_t (y) * out.stride[0];
    for (int x = 0; x < out.width; x++) {
      target[layout.red] = to_byte (source[0]);
      target[layout.green] = to_byte (source[image.channel_stride]);
      target[layout.blue] = to_byte (source[2 * image.channel_stride]);
      if (layout.filler >= 0)
        target[layout.filler] = 255;
      source += image.pixel_stride;
      target += layout.size;
    }
  }
}

// The sums of coefficients leave [0, 255] by rounding at most.
std::uint8_t
round_byte (float value)
{
  return std::uint8_t (std::clamp (value + 0.5f, 0.0f, 255.0f));
}

void
write_luma (const FloatImage &image, const ImageView &out, const YuvMatrix &matrix)
{
  for (int y = 0; y < out.height; y++) {
    std::uint8_t *target = out.plane[0] + std::ptrdiff_t (y) * out.stride[0];
    for (int x = 0; x < out.width; x++) {
      float rgb[3];
      load_pixel (image, x, y, rgb);
      target[x] = round_byte (weighted (matrix.y, rgb) + matrix.y_offset);
    }
  }
}

void
write_chroma (const FloatImage &image, const ImageView &out, const YuvMatrix &matrix)
{
  const bool interleaved = out.format == PixelFormat::nv12;
  const int step = interleaved ? 2 : 1;
  for (int y = 0; y < out.height; y += 2) {
    const std::ptrdiff_t row = y / 2;
    std::uint8_t *cb = out.plane[1] + row * out.stride[1];
    std::uint8_t *cr = interleaved ? cb + 1 : out.plane[2] + row * out.stride[2];
    for (int x = 0; x < out.width; x += 2) {
      float mean[3] = {0, 0, 0};
      const int right = std::min (x + 1, out.width - 1);
      const int below = std::min (y + 1, out.height - 1);
      for (const int yy : {y, below})
        for (const int xx : {x, right}) {
          float rgb[3];
          load_pixel (image, xx, yy, rgb);
          for (int channel = 0; channel < 3; channel++)
            mean[channel] += rgb[channel] / 4;
        }
      cb[x / 2 * step] = round_byte (weighted (matrix.cb, mean) + 128);
      cr[x / 2 * step] = round_byte (weighted (matrix.cr, mean) + 128);
    }
  }
}

} // namespace

void
write_pixels (const FloatImage &image, const ImageView &out)
{
  check_view (out, image);
  if (!is_planar (out.format)) {
    write_packed (image, out);
    return;
  }
  const YuvMatrix matrix = yuv_matrix (out.matrix, out.full_range);
  write_luma (image, out, matrix);
  write_chroma (image, out, matrix);
}

void
read_pixels (const ImageView &in, const FloatImage &image)
{
  if (in.format != PixelFormat::rgb)
    throw Error (ErrorCode::failed, "picture", "its format is not RGB",
                 "Convert the picture to RGB first");
  check_view (in, image);
  for (int y = 0; y < in.height; y++) {
    const std::uint8_t *source = in.plane[0] + std::ptrdiff_t (y) * in.stride[0];
    float *target = image.data + y * image.row_stride;
    for (int x = 0; x < in.width; x++) {
      for (int channel = 0; channel < 3; channel++)
        target[channel * image.channel_stride] = from_byte (source[channel]);
      source += 3;
      target += image.pixel_stride;
    }
  }
}

} // namespace daetalker
