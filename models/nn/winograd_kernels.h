// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The loops of winograd.h on plain memory: pictures are channels-last, cut into tiles of
// 4x4 pixels, counted row by row and picture after picture.  What a transform makes of
// `count` tiles from tile `first` on is [points, count, channels]; channels come in
// eights.
#pragma once

#include <cstdint>

namespace daetalker::winograd {

constexpr int64_t tile = 4;       // pixels of a tile's side
constexpr int64_t points = 6 * 6; // that stand for a tile and the pixels around it

struct Pictures {
  int64_t height, width, channels; // sides are whole tiles

  int64_t tiles () const { return height / tile * (width / tile); } // of one picture
};

// B^T d B of the 6x6 pixels d around each tile.  `zeros` [channels]: what lies outside.
// `enlarged`: x has half of the sides, and each of its pixels stands for 2x2.
void transform_input (const float *x, const Pictures &pictures, bool enlarged,
                      int64_t first, int64_t count, const float *zeros, float *points);

// A^T m A, [4x4] of each tile, plus bias [channels] and, unless it is null, plus `sum`,
// pictures as y.
void transform_output (const float *points, const float *bias, const float *sum,
                       const Pictures &pictures, int64_t first, int64_t count, float *y);

// The adjoint of transform_output: A y A^T.
void transform_gradient (const float *y, const Pictures &pictures, int64_t first,
                         int64_t count, float *points);

} // namespace daetalker::winograd
