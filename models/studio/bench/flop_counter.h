// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

namespace daetalker {

// Counts the floating-point operations of the process's calls into LibTorch, from its
// construction to its destruction: those of convolutions and matrix products, a
// multiply-add being two.  Biases, norms, activations and interpolation, which are few
// beside them, are left out.  A convolution counts as it is defined, however it is
// computed.  One counter at a time, and one call at a time, on whatever thread.
class FlopCounter {
public:
  FlopCounter ();
  ~FlopCounter ();
  FlopCounter (const FlopCounter &) = delete;
  FlopCounter &operator= (const FlopCounter &) = delete;

  std::int64_t flops () const; // so far

private:
  std::uint64_t handle_;
};

} // namespace daetalker
