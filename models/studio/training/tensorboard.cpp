// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/tensorboard.h"

#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "models/engine.h"

namespace daetalker {

namespace {

// Little-endian, as protocol buffers and TFRecords have it.
template <typename Number>
std::string
bytes (Number number)
{
  std::string text (sizeof number, '\0');
  std::memcpy (text.data (), &number, sizeof number);
  return text;
}

std::string
varint (std::uint64_t number)
{
  std::string text;
  for (; number >= 0x80; number >>= 7)
    text += char (number | 0x80);
  return text + char (number);
}

// Wire types of protocol buffers.
enum Wire { wire_varint = 0, wire_64 = 1, wire_length = 2, wire_32 = 5 };

std::string
field (int number, Wire wire, const std::string &content)
{
  const std::string key = varint (std::uint64_t (number) << 3 | wire);
  return key + (wire == wire_length ? varint (content.size ()) : "") + content;
}

double
now ()
{
  return std::chrono::duration<double> (
             std::chrono::system_clock::now ().time_since_epoch ())
      .count ();
}

// Event { double wall_time = 1; int64 step = 2; ... }
std::string
event (std::int64_t step, const std::string &content)
{
  return field (1, wire_64, bytes (now ())) +
         field (2, wire_varint, varint (std::uint64_t (step))) + content;
}

std::uint32_t
masked (std::uint32_t crc)
{
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

} // namespace

std::uint32_t
crc32c (const std::string &data)
{
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> result{};
    for (std::uint32_t i = 0; i < 256; i++) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; bit++)
        value = value >> 1 ^ (value & 1 ? 0x82f63b78u : 0);
      result[i] = value;
    }
    return result;
  }();
  std::uint32_t crc = ~0u;
  for (const char byte : data)
    crc = crc >> 8 ^ table[(crc ^ std::uint8_t (byte)) & 0xff];
  return ~crc;
}

TensorBoard::TensorBoard (const std::string &folder)
{
  std::error_code error;
  std::filesystem::create_directories (folder, error);
  const std::string path =
      folder + "/events.out.tfevents." + std::to_string (std::int64_t (now ()));
  file_.open (path, std::ios::binary | std::ios::app);
  if (!file_)
    throw Error (ErrorCode::unreadable, path, "the events cannot be written",
                 "Check the folder's permissions and the free space");
  append (event (0, field (3, wire_length, "brain.Event:2"))); // file_version
}

void
TensorBoard::write (std::int64_t step, const std::map<std::string, double> &scalars)
{
  std::string summary; // repeated Value { string tag = 1; float simple_value = 2; } = 1
  for (const auto &[tag, number] : scalars)
    summary += field (1, wire_length,
                      field (1, wire_length, tag) +
                          field (2, wire_32, bytes (float (number))));
  append (event (step, field (5, wire_length, summary)));
}

void
TensorBoard::append (const std::string &event)
{
  const std::string length = bytes (std::uint64_t (event.size ()));
  file_ << length << bytes (masked (crc32c (length))) << event
        << bytes (masked (crc32c (event))) << std::flush;
}

} // namespace daetalker
