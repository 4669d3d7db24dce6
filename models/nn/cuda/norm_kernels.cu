// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/cuda/norm_kernels.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace daetalker {
namespace {

constexpr int threads = 256;

// Consecutive channels, read and written in one access.
template <typename T, int size> struct alignas (size * sizeof (T)) Pack {
  T value[size];
};

template <typename T> constexpr int widest = 16 / sizeof (T);

// How the threads of a block lie over packs (x) and pixels (y), how many pixels a block
// takes, and how many blocks there are.
struct Layout {
  dim3 block, grid;
  int pixels;
};

int
divided (int value, int by)
{
  return (value + by - 1) / by;
}

Layout
layout_for (const NormShape &shape, int pack)
{
  // A thread takes a few pixels at least, and the blocks fill the largest GPU.
  constexpr int few = 4, enough_blocks = 512;
  const int packs = shape.channels / pack;
  const int columns = packs < threads ? packs : threads, rows = threads / columns;
  const int all_rows = divided (shape.pixels, rows);
  const int per_thread = max (few, divided (all_rows, enough_blocks));
  const int blocks = divided (all_rows, per_thread);
  return {dim3 (columns, rows), dim3 (blocks, divided (packs, columns), shape.batch),
          per_thread * rows};
}

// The first channel of this thread's pack; no less than `channels` for none.
template <int size>
__device__ int
first_channel ()
{
  return int (blockIdx.y * blockDim.x + threadIdx.x) * size;
}

// Calls `use (pixel)` for this thread's share of its block's pixels.
template <typename Use>
__device__ void
for_pixels (int all, int of_block, Use use)
{
  const int begin = blockIdx.x * of_block, end = min (all, begin + of_block);
  for (int pixel = begin + threadIdx.y; pixel < end; pixel += blockDim.y)
    use (pixel);
}

// Per channel, sum and sum of squares over the block's pixels.
template <typename T, int size>
__global__ void
sum_pixels (const T *x, float *sums, NormShape shape, int of_block)
{
  using Values = Pack<T, size>;
  const int channel = first_channel<size> ();
  float sum[size] = {}, square[size] = {};
  if (channel < shape.channels) {
    x += size_t (blockIdx.z) * shape.pixels * shape.channels + channel;
    for_pixels (shape.pixels, of_block, [&] (int pixel) {
      const Values in =
          *reinterpret_cast<const Values *> (x + size_t (pixel) * shape.channels);
#pragma unroll
      for (int i = 0; i < size; i++) {
        const float v = float (in.value[i]);
        sum[i] += v;
        square[i] += v * v;
      }
    });
  }

  // Of all rows of threads: halves are added to halves, in the same order every time.
  __shared__ float kept[threads][size + 1];
  const int place = threadIdx.y * blockDim.x + threadIdx.x;
  float *const out =
      sums + (size_t (blockIdx.z) * gridDim.x + blockIdx.x) * 2 * shape.channels;
  for (int which = 0; which < 2; which++) {
    __syncthreads ();
#pragma unroll
    for (int i = 0; i < size; i++)
      kept[place][i] = which == 0 ? sum[i] : square[i];
    for (int rows = blockDim.y; rows > 1; rows = (rows + 1) / 2) {
      __syncthreads ();
      const int other = threadIdx.y + (rows + 1) / 2;
      if (other < rows)
#pragma unroll
        for (int i = 0; i < size; i++)
          kept[place][i] += kept[other * blockDim.x + threadIdx.x][i];
    }
    if (threadIdx.y == 0 && channel < shape.channels)
#pragma unroll
      for (int i = 0; i < size; i++)
        out[which * shape.channels + channel + i] = kept[place][i];
  }
}

// A block to a group of a picture's channels: z = x * affine[0] + affine[1].
__global__ void
fold_group (NormArrays arrays, NormShape shape, int blocks, float eps)
{
  const int of_group = shape.channels / shape.groups, first = blockIdx.x * of_group;
  const int picture = blockIdx.y;
  const float *sums = arrays.sums + size_t (picture) * blocks * 2 * shape.channels;
  double sum = 0, square = 0;
  for (int i = threadIdx.x; i < blocks * of_group; i += blockDim.x) {
    const float *one =
        sums + size_t (i / of_group) * 2 * shape.channels + first + i % of_group;
    sum += one[0];
    square += one[shape.channels];
  }
  __shared__ double kept[2][threads];
  kept[0][threadIdx.x] = sum;
  kept[1][threadIdx.x] = square;
  for (int half = threads / 2; half > 0; half /= 2) {
    __syncthreads ();
    if (threadIdx.x < half)
      for (auto &values : kept)
        values[threadIdx.x] += values[threadIdx.x + half];
  }
  __syncthreads ();
  const double count = double (of_group) * shape.pixels;
  const double mean = kept[0][0] / count;
  const double rest = kept[1][0] / count - mean * mean;
  const float deviation = rsqrtf (float (rest > 0 ? rest : 0) + eps);
  for (int i = threadIdx.x; i < of_group; i += blockDim.x) {
    const int channel = first + i, own = picture * shape.channels + channel;
    const float a = deviation * arrays.scale[arrays.scale_is_shared ? channel : own];
    float *affine = arrays.affine + size_t (picture) * 2 * shape.channels + channel;
    affine[0] = a;
    affine[shape.channels] =
        arrays.shift[arrays.shift_is_shared ? channel : own] - float (mean) * a;
  }
}

template <typename T, int size>
__global__ void
activate (const T *x, T *y, const float *affine, NormShape shape, int of_block)
{
  using Values = Pack<T, size>;
  const int channel = first_channel<size> ();
  if (channel >= shape.channels)
    return;
  affine += size_t (blockIdx.z) * 2 * shape.channels + channel;
  float a[size], b[size];
#pragma unroll
  for (int i = 0; i < size; i++) {
    a[i] = affine[i];
    b[i] = affine[shape.channels + i];
  }
  const size_t start = size_t (blockIdx.z) * shape.pixels * shape.channels + channel;
  for_pixels (shape.pixels, of_block, [&] (int pixel) {
    const size_t place = start + size_t (pixel) * shape.channels;
    const Values in = *reinterpret_cast<const Values *> (x + place);
    Values out;
#pragma unroll
    for (int i = 0; i < size; i++) {
      const float z = float (in.value[i]) * a[i] + b[i];
      out.value[i] = T (z / (1 + __expf (-z)));
    }
    *reinterpret_cast<Values *> (y + place) = out;
  });
}

template <typename T, int size>
void
launch (const NormShape &shape, const NormArrays &arrays, float eps, cudaStream_t stream)
{
  const Layout layout = layout_for (shape, size);
  const auto *x = static_cast<const T *> (arrays.x);
  sum_pixels<T, size>
      <<<layout.grid, layout.block, 0, stream>>> (x, arrays.sums, shape, layout.pixels);
  fold_group<<<dim3 (shape.groups, shape.batch), threads, 0, stream>>> (
      arrays, shape, layout.grid.x, eps);
  activate<T, size><<<layout.grid, layout.block, 0, stream>>> (
      x, static_cast<T *> (arrays.y), arrays.affine, shape, layout.pixels);
}

template <typename T>
bool
fills_packs (const NormShape &shape)
{
  return shape.channels % widest<T> == 0;
}

template <typename T>
void
launch_for (const NormShape &shape, const NormArrays &arrays, float eps,
            cudaStream_t stream)
{
  if (fills_packs<T> (shape))
    launch<T, widest<T>> (shape, arrays, eps, stream);
  else
    launch<T, 1> (shape, arrays, eps, stream);
}

} // namespace

int
norm_blocks (NormType type, const NormShape &shape)
{
  const bool wide = type == NormType::float32 ? fills_packs<float> (shape)
                                              : fills_packs<__half> (shape);
  const int widest_pack = type == NormType::float32 ? widest<float> : widest<__half>;
  return layout_for (shape, wide ? widest_pack : 1).grid.x;
}

cudaError_t
launch_norm_modulate_silu (NormType type, const NormShape &shape,
                           const NormArrays &arrays, float eps, cudaStream_t stream)
{
  switch (type) {
  case NormType::float32:
    launch_for<float> (shape, arrays, eps, stream);
    break;
  case NormType::float16:
    launch_for<__half> (shape, arrays, eps, stream);
    break;
  case NormType::bfloat16:
    launch_for<__nv_bfloat16> (shape, arrays, eps, stream);
    break;
  }
  return cudaGetLastError ();
}

} // namespace daetalker
