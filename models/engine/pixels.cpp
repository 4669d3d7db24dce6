// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/pixels.h"

namespace daetalker {
namespace {

[[noreturn]] void
refuse (const char *reason)
{
  throw Error (ErrorCode::failed, "picture", reason,
               "Give a picture of the avatar's size in this process's memory");
}

void
check_host_view (const ImageView &view, const FloatImage &image)
{
  if (view.device_memory)
    refuse ("it lies in device memory, and the networks run on the CPU");
  check_view (view, image);
}

} // namespace

std::array<PlaneExtent, 3>
plane_extents (PixelFormat format, int width, int height)
{
  const int half_width = (width + 1) / 2, half_height = (height + 1) / 2;
  if (format == PixelFormat::i420)
    return {{{width, height}, {half_width, half_height}, {half_width, half_height}}};
  if (format == PixelFormat::nv12)
    return {{{width, height}, {2 * half_width, half_height}, {}}};
  return {{{width * packed_layout (format).size, height}, {}, {}}};
}

void
check_view (const ImageView &view, const FloatImage &image)
{
  if (view.width != image.width || view.height != image.height)
    refuse ("its size is not the avatar's");
  const auto extents = plane_extents (view.format, view.width, view.height);
  for (std::size_t i = 0; i < extents.size (); i++)
    if (extents[i].rows > 0 &&
        (view.plane[i] == nullptr || view.stride[i] < extents[i].bytes))
      refuse ("a plane is missing or its stride is too short");
}

void
write_pixels (const FloatImage &image, const ImageView &out)
{
  check_host_view (out, image);
  const PixelPlanes planes = pixel_planes (out);
  if (is_yuv (out.format)) {
    const YuvMatrix matrix = yuv_matrix (out.matrix, out.full_range);
    for (int y = 0; y < out.height; y += 2)
      for (int x = 0; x < out.width; x += 2)
        write_yuv_block (image, planes, matrix, x, y);
  } else {
    const PackedLayout layout = packed_layout (out.format);
    for (int y = 0; y < out.height; y++)
      for (int x = 0; x < out.width; x++)
        write_packed_pixel (image, planes, layout, x, y);
  }
}

void
read_pixels (const ImageView &in, const FloatImage &image)
{
  if (in.format != PixelFormat::rgb)
    throw Error (ErrorCode::failed, "picture", "its format is not RGB",
                 "Convert the picture to RGB first");
  check_host_view (in, image);
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
