// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/bicubic.h"

#include <algorithm>
#include <array>
#include <ATen/Parallel.h>
#include <cmath>
#include <vector>

#include "models/nn/clones.h"

namespace daetalker {
namespace {

constexpr int taps = 4;

// Of the pixels enlarged `factor` times, those that lie alike between the ones they are
// made of: `first` is the first of these, counted from the one that they stand for.
struct Phase {
  int first;
  std::array<float, taps> weights;
};

// Cubic convolution with a = -3/4 (Keys 1981), as PyTorch has it.
float
cubic (double distance)
{
  constexpr double a = -0.75;
  const double x = std::abs (distance);
  return float (x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1
                       : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a);
}

template <int factor>
std::array<Phase, factor>
phases ()
{
  std::array<Phase, factor> result;
  for (int i = 0; i < factor; i++) {
    const double at = (i + 0.5) / factor - 0.5;
    result[i].first = int (std::floor (at)) - 1;
    for (int tap = 0; tap < taps; tap++)
      result[i].weights[tap] = cubic (at - (result[i].first + tap));
  }
  return result;
}

// to [factor * width] of the `width` pixels at `from`, around which two more on either
// side may be read.  parts: [factor, width].
template <int factor>
DAETALKER_INLINE void
widen (const float *__restrict from, int64_t width,
       const std::array<Phase, factor> &phases, float *__restrict parts,
       float *__restrict to)
{
  for (int i = 0; i < factor; i++) {
    const float *first = from + phases[i].first;
    const auto &weight = phases[i].weights;
    for (int64_t x = 0; x < width; x++)
      parts[i * width + x] = weight[0] * first[x] + weight[1] * first[x + 1] +
                             weight[2] * first[x + 2] + weight[3] * first[x + 3];
  }
  for (int64_t x = 0; x < width; x++)
    for (int i = 0; i < factor; i++)
      to[factor * x + i] = parts[i * width + x];
}

DAETALKER_CLONES void
widen_row (const float *from, int64_t width, const std::array<Phase, 2> &phases,
           float *parts, float *to)
{
  widen<2> (from, width, phases, parts, to);
}

DAETALKER_CLONES void
widen_row (const float *from, int64_t width, const std::array<Phase, 4> &phases,
           float *parts, float *to)
{
  widen<4> (from, width, phases, parts, to);
}

DAETALKER_CLONES void
blend_rows (const std::array<const float *, taps> &rows,
            const std::array<float, taps> &weights, int64_t width, float *__restrict to)
{
  const float *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3];
  for (int64_t x = 0; x < width; x++)
    to[x] = weights[0] * a[x] + weights[1] * b[x] + weights[2] * c[x] + weights[3] * d[x];
}

template <int factor>
void
enlarge_plane (const float *plane, int64_t height, int64_t width, float *to)
{
  constexpr int64_t margin = 2;
  const auto phase = phases<factor> ();
  const int64_t wide = factor * width;
  std::vector<float> row (std::size_t (width + 2 * margin)),
      parts (std::size_t (factor * width)), widened (std::size_t (height * wide));
  for (int64_t y = 0; y < height; y++) {
    const float *from = plane + y * width;
    std::copy_n (from, width, row.data () + margin);
    std::fill_n (row.data (), margin, from[0]);
    std::fill_n (row.data () + margin + width, margin, from[width - 1]);
    widen_row (row.data () + margin, width, phase, parts.data (),
               widened.data () + y * wide);
  }
  for (int64_t y = 0; y < height; y++)
    for (int i = 0; i < factor; i++) {
      std::array<const float *, taps> rows;
      for (int tap = 0; tap < taps; tap++)
        rows[tap] = widened.data () +
                    std::clamp<int64_t> (y + phase[i].first + tap, 0, height - 1) * wide;
      blend_rows (rows, phase[i].weights, wide, to + (factor * y + i) * wide);
    }
}

} // namespace

torch::Tensor
enlarge_bicubically (const torch::Tensor &planes, int factor)
{
  const int64_t height = planes.size (2), width = planes.size (3);
  const int64_t pixels = height * width, count = planes.numel () / pixels;
  const auto enlarge = factor == 2 ? enlarge_plane<2> : enlarge_plane<4>;
  const torch::Tensor result =
      torch::empty ({planes.size (0), planes.size (1), factor * height, factor * width},
                    planes.options ());
  const float *from = planes.data_ptr<float> ();
  float *to = result.data_ptr<float> ();
  at::parallel_for (0, count, 1, [&] (int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++)
      enlarge (from + i * pixels, height, width, to + i * pixels * factor * factor);
  });
  return result;
}

} // namespace daetalker
