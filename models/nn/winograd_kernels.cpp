// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/winograd_kernels.h"

#include "models/nn/lanes.h"

namespace daetalker::winograd {
namespace {

// Lavin & Gray 2016, section 4.3.

// B^T d.
DAETALKER_INLINE void
input_points (const Lanes (&d)[6], Lanes (&out)[6])
{
  const Lanes even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1];
  const Lanes even2 = d[4] - d[2], odd2 = 2 * (d[3] - d[1]);
  out[0] = 4 * d[0] - 5 * d[2] + d[4];
  out[1] = even + odd;
  out[2] = even - odd;
  out[3] = even2 + odd2;
  out[4] = even2 - odd2;
  out[5] = 4 * d[1] - 5 * d[3] + d[5];
}

// A^T m.
DAETALKER_INLINE void
output_pixels (const Lanes (&m)[6], Lanes (&out)[4])
{
  const Lanes sum = m[1] + m[2], difference = m[1] - m[2];
  const Lanes sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  out[0] = m[0] + sum + sum2;
  out[1] = difference + 2 * difference2;
  out[2] = sum + 4 * sum2;
  out[3] = difference + 8 * difference2 + m[5];
}

// A y.
DAETALKER_INLINE void
gradient_points (const Lanes (&y)[4], Lanes (&out)[6])
{
  const Lanes even = y[0] + y[2], odd = y[1] + y[3];
  const Lanes even2 = y[0] + 4 * y[2], odd2 = 2 * y[1] + 8 * y[3];
  out[0] = y[0];
  out[1] = even + odd;
  out[2] = even - odd;
  out[3] = even2 + odd2;
  out[4] = even2 - odd2;
  out[5] = y[3];
}

// Applies `one`, of `from` values to `to`, to the columns of a square and then to the
// rows of what that makes.  load (row, column), store (row, column, value).
template <int from, int to, typename One, typename Load, typename Store>
DAETALKER_INLINE void
both_ways (One one, Load load, Store store)
{
  Lanes between[to][from];
#pragma GCC unroll 6
  for (int column = 0; column < from; column++) {
    Lanes in[from], out[to];
    for (int row = 0; row < from; row++)
      in[row] = load (row, column);
    one (in, out);
    for (int row = 0; row < to; row++)
      between[row][column] = out[row];
  }
#pragma GCC unroll 6
  for (int row = 0; row < to; row++) {
    Lanes out[to];
    one (between[row], out);
    for (int column = 0; column < to; column++)
      store (row, column, out[column]);
  }
}

// Of tile `index`: its picture, and its first pixel there.
struct Place {
  int64_t picture, y, x;
};

DAETALKER_INLINE Place
place_of (const Pictures &pictures, int64_t index)
{
  const int64_t across = pictures.width / tile;
  const int64_t inside = index % pictures.tiles ();
  return {index / pictures.tiles (), inside / across * tile, inside % across * tile};
}

} // namespace

DAETALKER_CLONES void
transform_input (const float *x, const Pictures &pictures, bool enlarged, int64_t first,
                 int64_t count, const float *zeros, float *points)
{
  const int64_t channels = pictures.channels, size = count * channels;
  const int shift = enlarged ? 1 : 0;
  const int64_t height = pictures.height >> shift, width = pictures.width >> shift;
  for (int64_t i = 0; i < count; i++, points += channels) {
    const Place place = place_of (pictures, first + i);
    const float *pixel[6][6];
    for (int64_t row = 0; row < 6; row++)
      for (int64_t column = 0; column < 6; column++) {
        const int64_t at_y = place.y - 1 + row, at_x = place.x - 1 + column;
        const bool inside =
            at_y >= 0 && at_y < pictures.height && at_x >= 0 && at_x < pictures.width;
        const int64_t index =
            (place.picture * height + (at_y >> shift)) * width + (at_x >> shift);
        pixel[row][column] = inside ? x + index * channels : zeros;
      }
    for (int64_t c = 0; c < channels; c += lanes)
      both_ways<6, 6> (
          input_points,
          [&] (int row, int column)
              DAETALKER_ALWAYS { return load (pixel[row][column] + c); },
          [&] (int row, int column, const Lanes &value) DAETALKER_ALWAYS {
            store (points + (row * 6 + column) * size + c, value);
          });
  }
}

DAETALKER_CLONES void
transform_output (const float *points, const float *bias, const float *sum,
                  const Pictures &pictures, int64_t first, int64_t count, float *y)
{
  const int64_t channels = pictures.channels, size = count * channels;
  for (int64_t i = 0; i < count; i++, points += channels) {
    const Place place = place_of (pictures, first + i);
    const int64_t corner =
        ((place.picture * pictures.height + place.y) * pictures.width + place.x) *
        channels;
    for (int64_t c = 0; c < channels; c += lanes) {
      const Lanes shift = load (bias + c);
      both_ways<6, 4> (
          output_pixels,
          [&] (int row, int column)
              DAETALKER_ALWAYS { return load (points + (row * 6 + column) * size + c); },
          [&] (int row, int column, const Lanes &value) DAETALKER_ALWAYS {
            const int64_t at = corner + (row * pictures.width + column) * channels + c;
            store (y + at, value + (sum ? load (sum + at) + shift : shift));
          });
    }
  }
}

DAETALKER_CLONES void
transform_gradient (const float *y, const Pictures &pictures, int64_t first,
                    int64_t count, float *points)
{
  const int64_t channels = pictures.channels, size = count * channels;
  for (int64_t i = 0; i < count; i++, points += channels) {
    const Place place = place_of (pictures, first + i);
    const float *corner =
        y + ((place.picture * pictures.height + place.y) * pictures.width + place.x) *
                channels;
    for (int64_t c = 0; c < channels; c += lanes)
      both_ways<4, 6> (
          gradient_points,
          [&] (int row, int column) DAETALKER_ALWAYS {
            return load (corner + (row * pictures.width + column) * channels + c);
          },
          [&] (int row, int column, const Lanes &value) DAETALKER_ALWAYS {
            store (points + (row * 6 + column) * size + c, value);
          });
  }
}

} // namespace daetalker::winograd
