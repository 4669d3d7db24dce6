// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The safetensors format: 8 bytes little-endian header length, a JSON header
// {"name": {"dtype", "shape", "data_offsets"}, "__metadata__": {text: text}},
// then the tensors' bytes.  Every rule of the format that keeps a reader safe is
// checked (https://github.com/huggingface/safetensors, "Format").
#pragma once

#include "models/io/files.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace daetalker {

enum class DType { boolean, u8, i8, u16, i16, f16, bf16, u32, i32, f32, u64, i64, f64 };

std::size_t dtype_size (DType dtype); // bytes per number
const char *dtype_name (DType dtype); // as in the file: "F32"

struct TensorView {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;    // row-major; empty for a scalar
  const std::uint8_t *data = nullptr; // may be unaligned in files of others
  std::size_t size = 0;               // bytes
};

using Metadata = std::map<std::string, std::string>;

struct SafetensorsContent {
  std::vector<TensorView> tensors; // in the order of their bytes
  Metadata metadata;
};

// The content of a file that lies in memory; views point into `data`.  Throws
// Error (corrupt) with `subject` as the file's name.  What it allocates is in
// proportion to the header.
SafetensorsContent parse_safetensors (const std::uint8_t *data, std::size_t size,
                                      const std::string &subject);

// A mapped file; its views live as long as `mapping ()`.
class SafetensorsFile {
public:
  // Throws Error: not_found, unreadable, corrupt.
  explicit SafetensorsFile (const std::string &path);

  const std::vector<TensorView> &tensors () const { return content_.tensors; }
  const Metadata &metadata () const { return content_.metadata; }
  const TensorView *find (const std::string &name) const; // nullptr if absent
  const std::shared_ptr<const MappedFile> &mapping () const { return mapping_; }

private:
  std::shared_ptr<const MappedFile> mapping_;
  SafetensorsContent content_;
};

// Writes `tensors` (names unique, sizes as dtype and shape say) sorted by
// descending alignment, then name, as the format's own library does.  The file
// appears under its name when it is complete.  Throws Error (failed, unreadable).
void write_safetensors (const std::string &path, std::vector<TensorView> tensors,
                        const Metadata &metadata = {});

} // namespace daetalker
