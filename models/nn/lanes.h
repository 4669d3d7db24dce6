// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Eight floats at a time, for loops that the compiler does not vectorise by itself.  For
// functions of DAETALKER_CLONES, which have the instructions; elsewhere what the machine
// has at least.
#pragma once

#include <cstdint>
#include <cstring>

#include "models/nn/clones.h"

namespace daetalker {

constexpr int64_t lanes = 8;

typedef float Lanes __attribute__ ((vector_size (lanes * sizeof (float))));
typedef int32_t IntLanes __attribute__ ((vector_size (lanes * sizeof (int32_t))));
typedef uint32_t BitLanes __attribute__ ((vector_size (lanes * sizeof (uint32_t))));
typedef uint16_t HalfLanes __attribute__ ((vector_size (lanes * sizeof (uint16_t))));

// The same bits.
template <typename To, typename From>
DAETALKER_INLINE To
as (const From &from)
{
  static_assert (sizeof (To) == sizeof (From));
  To to;
  std::memcpy (&to, &from, sizeof to);
  return to;
}

// `count`: how many there are to load or to store; the others are zeros.
DAETALKER_INLINE Lanes
load (const float *from, int64_t count = lanes)
{
  Lanes value{};
  std::memcpy (&value, from, std::size_t (count) * sizeof *from);
  return value;
}

DAETALKER_INLINE Lanes
load (const uint16_t *from, int64_t count = lanes) // bfloat16
{
  HalfLanes value{};
  std::memcpy (&value, from, std::size_t (count) * sizeof *from);
  return as<Lanes> (__builtin_convertvector(value, BitLanes) << 16);
}

DAETALKER_INLINE void
store (float *to, const Lanes &value, int64_t count = lanes)
{
  std::memcpy (to, &value, std::size_t (count) * sizeof *to);
}

DAETALKER_INLINE void
store (uint16_t *to, const Lanes &value, int64_t count = lanes) // to nearest even
{
  const BitLanes bits = as<BitLanes> (value);
  const BitLanes rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const HalfLanes halves = __builtin_convertvector(rounded, HalfLanes);
  std::memcpy (to, &halves, std::size_t (count) * sizeof *to);
}

// Calls `body (c, count)` for every eight of the channels, and for what remains.
template <typename Body>
DAETALKER_INLINE void
for_each_lanes (int64_t channels, const Body &body)
{
  int64_t c = 0;
  for (; c + lanes <= channels; c += lanes)
    body (c, lanes);
  if (c < channels)
    body (c, channels - c);
}

// exp by 2^n * 2^f with a degree-5 polynomial for 2^f on [-0.5, 0.5]: relative
// error below 4e-6, no branches, no table.
DAETALKER_INLINE Lanes
fast_exp (const Lanes &x)
{
  const Lanes least = Lanes{} - 126.f, most = Lanes{} + 126.f;
  Lanes y = x * 1.44269504f;
  y = y > least ? y : least;
  y = y < most ? y : most;
  // Adding and taking away 1.5 * 2^23 rounds to the nearest whole number.
  const Lanes n = (y + 12582912.f) - 12582912.f;
  const Lanes f = y - n;
  Lanes p = Lanes{} + 1.33335581e-3f;
  p = p * f + 9.61812911e-3f;
  p = p * f + 5.55041087e-2f;
  p = p * f + 2.40226507e-1f;
  p = p * f + 6.93147181e-1f;
  p = p * f + 1.f;
  return p * as<Lanes> ((__builtin_convertvector(n, IntLanes) + 127) << 23);
}

DAETALKER_INLINE Lanes
sigmoid (const Lanes &x)
{
  return 1.f / (1.f + fast_exp (-x));
}

} // namespace daetalker
