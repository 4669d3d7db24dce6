// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/cuda/device_pixels.h"

namespace daetalker {
namespace {

__global__ void
write_yuv (FloatImage image, PixelPlanes out, YuvMatrix matrix)
{
  const int x = 2 * (blockIdx.x * blockDim.x + threadIdx.x);
  const int y = 2 * (blockIdx.y * blockDim.y + threadIdx.y);
  if (x < out.width && y < out.height)
    write_yuv_block (image, out, matrix, x, y);
}

__global__ void
write_packed (FloatImage image, PixelPlanes out, PackedLayout layout)
{
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  const int y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x < out.width && y < out.height)
    write_packed_pixel (image, out, layout, x, y);
}

// Blocks of threads that cover `columns` x `rows`.
dim3
grid_for (int columns, int rows, dim3 block)
{
  return dim3 ((columns + block.x - 1) / block.x, (rows + block.y - 1) / block.y);
}

} // namespace

cudaError_t
write_device_pixels (const FloatImage &image, const ImageView &out, cudaStream_t stream)
{
  const dim3 block (32, 8);
  const PixelPlanes planes = pixel_planes (out);
  if (is_yuv (out.format))
    write_yuv<<<grid_for ((out.width + 1) / 2, (out.height + 1) / 2, block), block, 0,
                stream>>> (image, planes, yuv_matrix (out.matrix, out.full_range));
  else
    write_packed<<<grid_for (out.width, out.height, block), block, 0, stream>>> (
        image, planes, packed_layout (out.format));
  return cudaGetLastError ();
}

} // namespace daetalker
