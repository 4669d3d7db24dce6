// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <torch/types.h>

namespace daetalker::test {

// 16 kHz, 16-bit mono, with the 44 bytes that every player knows.
inline void
write_wav (const std::string &path, const torch::Tensor &samples)
{
  const torch::Tensor pcm = (samples * 32767).to (torch::kShort).contiguous ();
  const uint32_t bytes = uint32_t (pcm.numel ()) * 2;
  std::ofstream file (path, std::ios::binary);
  const auto number = [&] (uint32_t value, int size) {
    file.write (reinterpret_cast<const char *> (&value), size);
  };
  file << "RIFF";
  number (36 + bytes, 4);
  file << "WAVEfmt ";
  number (16, 4);
  number (1, 2); // PCM
  number (1, 2); // channel
  number (16000, 4);
  number (2 * 16000, 4);
  number (2, 2);
  number (16, 2);
  file << "data";
  number (bytes, 4);
  file.write (static_cast<const char *> (pcm.data_ptr ()), bytes);
}

} // namespace daetalker::test
