// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/io/safetensors.h"

#include "models/engine.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace daetalker {
namespace {

static_assert (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "safetensors are little-endian and mapped as they are");

struct DTypeFacts {
  DType dtype;
  const char *name;
  std::size_t size;
};

constexpr DTypeFacts dtypes[] = {
    {DType::boolean, "BOOL", 1}, {DType::u8, "U8", 1},   {DType::i8, "I8", 1},
    {DType::u16, "U16", 2},      {DType::i16, "I16", 2}, {DType::f16, "F16", 2},
    {DType::bf16, "BF16", 2},    {DType::u32, "U32", 4}, {DType::i32, "I32", 4},
    {DType::f32, "F32", 4},      {DType::u64, "U64", 8}, {DType::i64, "I64", 8},
    {DType::f64, "F64", 8},
};

constexpr std::size_t length_bytes = 8;
constexpr std::uint64_t max_header = 100'000'000; // the format's own limit
constexpr std::size_t max_rank = 32;

const DTypeFacts &
facts (DType dtype)
{
  for (const DTypeFacts &entry : dtypes)
    if (entry.dtype == dtype)
      return entry;
  throw std::logic_error ("DType without an entry");
}

// Bytes that dtype and shape ask for; nothing if the product overflows.
std::optional<std::uint64_t>
byte_count (DType dtype, const std::vector<std::int64_t> &shape)
{
  std::uint64_t count = dtype_size (dtype);
  for (const std::int64_t extent : shape)
    if (extent < 0 ||
        __builtin_mul_overflow (count, static_cast<std::uint64_t> (extent), &count))
      return std::nullopt;
  return count;
}

// Takes the header event by event, so that a header of another structure is
// refused at its first wrong token and never built in memory.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
public:
  struct Entry {
    TensorView view;
    std::vector<std::int64_t> offsets; // begin, end; in the data section
  };

  std::vector<Entry> entries;
  Metadata metadata;
  std::string reason = "its header is not a JSON object";

  bool null () override { return unexpected (); }
  bool boolean (bool) override { return unexpected (); }
  bool number_integer (number_integer_t) override { return unexpected (); }
  bool number_float (number_float_t, const string_t &) override { return unexpected (); }
  bool binary (binary_t &) override { return unexpected (); }

  bool number_unsigned (number_unsigned_t value) override
  {
    if (state_ != State::numbers)
      return unexpected ();
    if (value > INT64_MAX)
      return refuse (where () + "a number is too large");
    std::vector<std::int64_t> &list = in_shape_ ? entry ().view.shape : entry ().offsets;
    if (list.size () == (in_shape_ ? max_rank : 2))
      return refuse (where () + (in_shape_ ? "it has too many dimensions"
                                           : "data_offsets are not two numbers"));
    list.push_back (static_cast<std::int64_t> (value));
    return true;
  }

  bool string (string_t &value) override
  {
    if (state_ == State::metadata) {
      if (!metadata.emplace (key_, value).second)
        return refuse ("the metadata name \"" + key_ + "\" is there twice");
      return true;
    }
    if (state_ != State::tensor || key_ != "dtype")
      return unexpected ();
    for (const DTypeFacts &known : dtypes)
      if (value == known.name) {
        entry ().view.dtype = known.dtype;
        return true;
      }
    return refuse (where () + "the data type \"" + value + "\" is unknown");
  }

  bool start_object (std::size_t) override
  {
    switch (state_) {
    case State::start:
      state_ = State::names;
      return true;
    case State::names:
      if (!names_.insert (key_).second)
        return refuse ("the name \"" + key_ + "\" is there twice");
      if (key_ == "__metadata__") {
        state_ = State::metadata;
        return true;
      }
      entries.emplace_back ();
      entry ().view.name = key_;
      fields_.clear ();
      state_ = State::tensor;
      return true;
    default:
      return unexpected ();
    }
  }

  bool key (string_t &value) override
  {
    key_ = std::move (value);
    if (state_ == State::tensor) {
      if (key_ != "dtype" && key_ != "shape" && key_ != "data_offsets")
        return refuse (where () + "it has an unknown field \"" + key_ + "\"");
      if (!fields_.insert (key_).second)
        return refuse (where () + "\"" + key_ + "\" is there twice");
    }
    return true;
  }

  bool end_object () override
  {
    switch (state_) {
    case State::tensor:
      if (fields_.size () != 3)
        return refuse (where () + "dtype, shape or data_offsets is missing");
      if (entry ().offsets.size () != 2)
        return refuse (where () + "data_offsets are not two numbers");
      state_ = State::names;
      return true;
    case State::metadata:
      state_ = State::names;
      return true;
    default:
      state_ = State::end;
      return true;
    }
  }

  bool start_array (std::size_t) override
  {
    if (state_ != State::tensor || key_ == "dtype")
      return unexpected ();
    in_shape_ = key_ == "shape";
    state_ = State::numbers;
    return true;
  }

  bool end_array () override
  {
    state_ = State::tensor;
    return true;
  }

  bool parse_error (std::size_t position, const std::string &,
                    const nlohmann::detail::exception &) override
  {
    reason =
        "its header is not JSON (byte " + std::to_string (length_bytes + position) + ")";
    return false;
  }

private:
  enum class State { start, names, tensor, numbers, metadata, end };

  Entry &entry () { return entries.back (); }
  std::string where () { return "tensor \"" + entry ().view.name + "\": "; }

  bool refuse (const std::string &why)
  {
    reason = why;
    return false;
  }

  bool unexpected ()
  {
    if (state_ == State::start)
      return false;
    return refuse ("its header has a value of the wrong kind at \"" + key_ + "\"");
  }

  State state_ = State::start;
  bool in_shape_ = false;
  std::string key_;
  std::set<std::string> names_;
  std::set<std::string> fields_;
};

} // namespace

std::size_t
dtype_size (DType dtype)
{
  return facts (dtype).size;
}

const char *
dtype_name (DType dtype)
{
  return facts (dtype).name;
}

SafetensorsContent
parse_safetensors (const std::uint8_t *data, std::size_t size, const std::string &subject)
{
  const auto corrupt = [&] (const std::string &reason) {
    return Error (
        ErrorCode::corrupt, subject, reason,
        "Download or export the file again; it must be in the safetensors format");
  };

  if (size < length_bytes)
    throw corrupt ("it is too short to hold a header");
  std::uint64_t header_size;
  std::memcpy (&header_size, data, length_bytes);
  if (header_size > max_header)
    throw corrupt ("its header would be longer than 100 MB");
  if (header_size > size - length_bytes)
    throw corrupt ("it ends within its header");
  const std::uint8_t *header = data + length_bytes;
  const std::uint8_t *content = header + header_size;
  const std::uint64_t content_size = size - length_bytes - header_size;
  // A header of blanks or with a byte order mark is JSON, and not this format.
  if (header_size == 0 || header[0] != '{')
    throw corrupt ("its header does not begin with \"{\"");

  HeaderReader reader;
  if (!nlohmann::json::sax_parse (header, content, &reader))
    throw corrupt (reader.reason);

  std::vector<HeaderReader::Entry> &entries = reader.entries;
  std::stable_sort (entries.begin (), entries.end (),
                    [] (const auto &a, const auto &b) { return a.offsets < b.offsets; });
  SafetensorsContent result;
  result.metadata = std::move (reader.metadata);
  result.tensors.reserve (entries.size ());
  std::uint64_t position = 0;
  for (HeaderReader::Entry &entry : entries) {
    const std::string where = "tensor \"" + entry.view.name + "\": ";
    const auto begin = static_cast<std::uint64_t> (entry.offsets[0]);
    const auto end = static_cast<std::uint64_t> (entry.offsets[1]);
    if (end < begin)
      throw corrupt (where + "it ends before it begins");
    if (end > content_size)
      throw corrupt (where + "it lies beyond the end of the file");
    if (begin != position)
      throw corrupt (where +
                     (begin < position ? "it overlaps another" : "a hole precedes it"));
    const std::optional<std::uint64_t> bytes =
        byte_count (entry.view.dtype, entry.view.shape);
    if (!bytes)
      throw corrupt (where + "its shape overflows");
    if (*bytes != end - begin)
      throw corrupt (where + "its shape asks for " + std::to_string (*bytes) +
                     " bytes and it has " + std::to_string (end - begin));
    entry.view.data = content + begin;
    entry.view.size = end - begin;
    position = end;
    result.tensors.push_back (std::move (entry.view));
  }
  if (position != content_size)
    throw corrupt ("bytes that belong to no tensor follow the last one");
  return result;
}

SafetensorsFile::SafetensorsFile (const std::string &path)
    : mapping_ (std::make_shared<const MappedFile> (path)),
      content_ (parse_safetensors (mapping_->data (), mapping_->size (), path))
{
}

const TensorView *
SafetensorsFile::find (const std::string &name) const
{
  for (const TensorView &tensor : content_.tensors)
    if (tensor.name == name)
      return &tensor;
  return nullptr;
}

void
write_safetensors (const std::string &path, std::vector<TensorView> tensors,
                   const Metadata &metadata)
{
  // Descending element size keeps every tensor aligned without holes.
  std::sort (tensors.begin (), tensors.end (), [] (const auto &a, const auto &b) {
    const std::size_t left = dtype_size (a.dtype), right = dtype_size (b.dtype);
    return left != right ? left > right : a.name < b.name;
  });

  nlohmann::ordered_json header = nlohmann::ordered_json::object ();
  if (!metadata.empty ())
    header["__metadata__"] = metadata;
  std::uint64_t position = 0;
  for (const TensorView &tensor : tensors) {
    const auto bytes = byte_count (tensor.dtype, tensor.shape);
    if (!bytes || *bytes != tensor.size || header.contains (tensor.name) ||
        tensor.name == "__metadata__")
      throw Error (ErrorCode::failed, path,
                   "tensor \"" + tensor.name +
                       "\" has a wrong size or a name that is taken",
                   "Give each tensor its own name and its exact bytes");
    header[tensor.name] = {{"dtype", dtype_name (tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {position, position + tensor.size}}};
    position += tensor.size;
  }

  std::string text;
  try {
    text = header.dump ();
  } catch (const nlohmann::json::exception &) {
    throw Error (ErrorCode::failed, path, "a name or metadata text is not UTF-8",
                 "Use UTF-8 in names and metadata");
  }
  text.resize ((text.size () + 7) / 8 * 8, ' ');
  const std::uint64_t header_size = text.size ();
  if (header_size > max_header)
    throw Error (ErrorCode::failed, path, "its header would be longer than 100 MB",
                 "Write fewer tensors or less metadata");

  AtomicFile file (path);
  file.write (&header_size, length_bytes);
  file.write (text.data (), text.size ());
  for (const TensorView &tensor : tensors)
    file.write (tensor.data, tensor.size);
  file.commit ();
}

} // namespace daetalker
