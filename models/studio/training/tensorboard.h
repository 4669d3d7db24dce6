// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Scalars for TensorBoard: an event file is a row of TFRecords, each a serialised Event
// message (tensorflow/core/util/event.proto; the framing is that of
// tensorflow/core/lib/io/record_writer.h).
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <string>

namespace daetalker {

// CRC-32C (Castagnoli, RFC 3720, appendix B.4).
std::uint32_t crc32c (const std::string &data);

class TensorBoard {
public:
  // A new event file in `folder`, which is made if need be.  Throws Error (unreadable)
  // if it cannot be written.
  explicit TensorBoard (const std::string &folder);

  // The scalars of one step, by their tags.
  void write (std::int64_t step, const std::map<std::string, double> &scalars);

private:
  void append (const std::string &event);

  std::ofstream file_;
};

} // namespace daetalker
