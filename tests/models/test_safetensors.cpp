// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/io/safetensors.h"
#include "tests/models/expect_error.h"
#include "tests/models/temporary_folder.h"

#include <cstring>
#include <gtest/gtest.h>
#include <sys/stat.h>

using namespace daetalker;
using daetalker::test::read_text;
using daetalker::test::TemporaryFolder;
using daetalker::test::write_text;

namespace {

std::string
length_prefix (std::uint64_t length)
{
  std::string text (8, '\0');
  std::memcpy (text.data (), &length, 8);
  return text;
}

std::string
file_of (const std::string &header, const std::string &data)
{
  return length_prefix (header.size ()) + header + data;
}

SafetensorsContent
parse (const std::string &file)
{
  // A copy of exactly this size, so that a sanitizer sees any read beyond it.
  const std::vector<std::uint8_t> bytes (file.begin (), file.end ());
  return parse_safetensors (bytes.data (), bytes.size (), "test");
}

const std::string one_float = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";

} // namespace

TEST (Safetensors, ReadsTensorsAndMetadata)
{
  const std::string file =
      file_of (R"({"__metadata__":{"who":"test"},)"
               R"("b":{"dtype":"I64","shape":[],"data_offsets":[6,14]},)"
               R"("a":{"dtype":"BF16","shape":[3,1],"data_offsets":[0,6]},)"
               R"("empty":{"dtype":"F32","shape":[0,7],"data_offsets":[14,14]}}  )",
               "abcdef12345678");
  const SafetensorsContent content = parse (file);
  ASSERT_EQ (content.tensors.size (), 3u);
  EXPECT_EQ (content.tensors[0].name, "a");
  EXPECT_EQ (content.tensors[0].dtype, DType::bf16);
  EXPECT_EQ (content.tensors[0].shape, (std::vector<std::int64_t>{3, 1}));
  EXPECT_EQ (content.tensors[1].name, "b");
  EXPECT_TRUE (content.tensors[1].shape.empty ());
  EXPECT_EQ (content.tensors[1].size, 8u);
  EXPECT_EQ (content.tensors[2].size, 0u);
  EXPECT_EQ (content.metadata.at ("who"), "test");
}

TEST (Safetensors, AcceptsAnEmptyObject)
{
  EXPECT_TRUE (parse (file_of ("{}", "")).tensors.empty ());
}

struct BadFile {
  const char *name;
  std::string file;
  const char *reason;
};

class BadSafetensors : public testing::TestWithParam<BadFile> {};

TEST_P (BadSafetensors, IsCorrupt)
{
  EXPECT_ERROR (parse (GetParam ().file), ErrorCode::corrupt, GetParam ().reason);
}

static std::string
one (const std::string &fields)
{
  return "{\"a\":{" + fields + "}}";
}

INSTANTIATE_TEST_SUITE_P (
    Header, BadSafetensors,
    testing::Values (
        BadFile{"Empty", "", "too short"},
        BadFile{"SevenBytes", std::string (7, '\0'), "too short"},
        BadFile{"HeaderBeyondFile", length_prefix (100) + "{}", "ends within its header"},
        BadFile{"HugeHeader", length_prefix (100'000'001) + "{}", "100 MB"},
        BadFile{"LengthOverflow", length_prefix (~std::uint64_t{0} - 3) + "{}", "100 MB"},
        BadFile{"NoHeader", length_prefix (0), "does not begin"},
        BadFile{"LeadingBlank", file_of (" {}", ""), "does not begin"},
        BadFile{"NotJson", file_of ("{\"a\":", ""), "not JSON"},
        BadFile{"TrailingText", file_of (one_float + "x", "1234"), "not JSON"},
        BadFile{"BadUtf8", file_of ("{\"\xff\":1}", ""), "not JSON"},
        BadFile{"ArrayValue", file_of ("{\"a\":[1]}", ""), "wrong kind"},
        BadFile{"NumberValue", file_of ("{\"a\":1}", ""), "wrong kind"},
        BadFile{"NullValue", file_of ("{\"a\":null}", ""), "wrong kind"},
        BadFile{"DeepNesting", file_of ("{\"a\":" + std::string (100000, '['), ""),
                "wrong kind"},
        BadFile{"MetadataNumber", file_of (R"({"__metadata__":{"a":1}})", ""),
                "wrong kind"},
        BadFile{"MetadataTwice", file_of (R"({"__metadata__":{"a":"","a":""}})", ""),
                "twice"}),
    [] (const auto &info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P (
    Tensor, BadSafetensors,
    testing::Values (
        BadFile{"UnknownType",
                file_of (one (R"("dtype":"F128","shape":[1],"data_offsets":[0,16])"),
                         std::string (16, 'x')),
                "unknown"},
        BadFile{"UnknownField",
                file_of (one (R"("dtype":"F32","shape":[1],"data_offsets":[0,4],"x":"")"),
                         "1234"),
                "unknown field"},
        BadFile{"NoType", file_of (one (R"("shape":[1],"data_offsets":[0,4])"), "1234"),
                "missing"},
        BadFile{"NoShape",
                file_of (one (R"("dtype":"F32","data_offsets":[0,4])"), "1234"),
                "missing"},
        BadFile{"NoOffsets", file_of (one (R"("dtype":"F32","shape":[1])"), "1234"),
                "missing"},
        BadFile{"OneOffset",
                file_of (one (R"("dtype":"F32","shape":[1],"data_offsets":[0])"), "1234"),
                "two numbers"},
        BadFile{
            "ThreeOffsets",
            file_of (one (R"("dtype":"F32","shape":[1],"data_offsets":[0,4,4])"), "1234"),
            "two numbers"},
        BadFile{
            "NegativeExtent",
            file_of (one (R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), "1234"),
            "wrong kind"},
        BadFile{
            "FractionExtent",
            file_of (one (R"("dtype":"F32","shape":[1.5],"data_offsets":[0,4])"), "1234"),
            "wrong kind"},
        BadFile{
            "NestedShape",
            file_of (one (R"("dtype":"F32","shape":[[1]],"data_offsets":[0,4])"), "1234"),
            "wrong kind"},
        BadFile{
            "ShapeIsText",
            file_of (one (R"("dtype":"F32","shape":"1","data_offsets":[0,4])"), "1234"),
            "wrong kind"},
        BadFile{
            "HugeExtent",
            file_of (
                one (
                    R"("dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,4])"),
                "1234"),
            "too large"},
        BadFile{"ShapeOverflow",
                file_of (one (R"("dtype":"F32","shape":[4294967296,4294967296,4],)"
                              R"("data_offsets":[0,0])"),
                         ""),
                "overflows"},
        BadFile{
            "TypeOverflow", // 2^62 numbers of 4 bytes are 0 modulo 2^64
            file_of (
                one (
                    R"("dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0])"),
                ""),
            "overflows"},
        BadFile{
            "ManyDimensions",
            file_of (
                one (
                    R"("dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,)"
                    R"(1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,1])"),
                "1"),
            "too many dimensions"},
        BadFile{
            "WrongSize",
            file_of (one (R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"), "1234"),
            "asks for 8 bytes"},
        BadFile{
            "Backwards",
            file_of (one (R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"), "1234"),
            "ends before it begins"},
        BadFile{"Truncated", file_of (one_float, "123"), "beyond the end"},
        BadFile{"TrailingBytes", file_of (one_float, "12345"), "belong to no tensor"},
        BadFile{"Hole",
                file_of (one (R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"),
                         "12345678"),
                "a hole precedes"},
        BadFile{"Overlap",
                file_of (R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                         R"("b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
                         "123456"),
                "overlaps"},
        BadFile{"NameTwice",
                file_of (R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                         R"("a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                         "12345678"),
                "twice"},
        BadFile{
            "FieldTwice",
            file_of (
                one (R"("dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4])"),
                "1234"),
            "twice"}),
    [] (const auto &info) { return info.param.name; });

TEST (Safetensors, EveryTruncationIsCorrupt)
{
  const std::string file = file_of (one_float, "1234");
  for (std::size_t size = 0; size < file.size (); size++)
    EXPECT_ERROR (parse (file.substr (0, size)), ErrorCode::corrupt, "test: ");
}

TEST (Safetensors, WrittenFileComesBackAligned)
{
  const TemporaryFolder folder;
  const std::vector<float> floats{1.5f, -2.f, 3.f};
  const std::vector<std::uint8_t> bytes{1, 2, 3};
  const std::int64_t number = -7;
  const auto *float_bytes = reinterpret_cast<const std::uint8_t *> (floats.data ());
  const auto *number_bytes = reinterpret_cast<const std::uint8_t *> (&number);
  const std::string path = folder / "weights.safetensors";
  write_safetensors (path,
                     {{"bytes", DType::u8, {3}, bytes.data (), 3},
                      {"floats", DType::f32, {3, 1}, float_bytes, 12},
                      {"number", DType::i64, {}, number_bytes, 8}},
                     {{"format", "pt"}});
  EXPECT_EQ (folder.entries (), 1u) << "a temporary file was left";

  const SafetensorsFile file (path);
  ASSERT_EQ (file.tensors ().size (), 3u);
  EXPECT_EQ (file.metadata ().at ("format"), "pt");
  for (const TensorView &tensor : file.tensors ())
    EXPECT_EQ (reinterpret_cast<std::uintptr_t> (tensor.data) % dtype_size (tensor.dtype),
               0u)
        << tensor.name;
  EXPECT_EQ (std::memcmp (file.find ("floats")->data, floats.data (), 12), 0);
  EXPECT_EQ (std::memcmp (file.find ("bytes")->data, bytes.data (), 3), 0);
  EXPECT_EQ (std::memcmp (file.find ("number")->data, &number, 8), 0);
  EXPECT_EQ (file.find ("floats")->shape, (std::vector<std::int64_t>{3, 1}));
  EXPECT_EQ (file.find ("absent"), nullptr);
}

TEST (Safetensors, RefusesToWriteWhatCannotBeRead)
{
  const TemporaryFolder folder;
  const std::string path = folder / "weights.safetensors";
  const std::uint8_t byte = 0;
  const TensorView good{"a", DType::u8, {1}, &byte, 1};
  TensorView wrong_size = good;
  wrong_size.shape = {2};
  EXPECT_ERROR (write_safetensors (path, {wrong_size}), ErrorCode::failed, "wrong size");
  EXPECT_ERROR (write_safetensors (path, {good, good}), ErrorCode::failed, "taken");
  EXPECT_ERROR (write_safetensors (path, {good}, {{"a", "\xff"}}), ErrorCode::failed,
                "UTF-8");
  EXPECT_EQ (folder.entries (), 0u);
}

TEST (Safetensors, FailedWriteLeavesTheOldFile)
{
  const TemporaryFolder folder;
  const std::string path = folder / "file";
  write_text (path, "old");
  {
    AtomicFile file (path);
    file.write ("new", 3);
  }
  EXPECT_EQ (read_text (path), "old");
  EXPECT_EQ (folder.entries (), 1u);
  AtomicFile file (path);
  file.write ("new", 3);
  file.commit ();
  EXPECT_EQ (read_text (path), "new");
}

TEST (Safetensors, NamesWhatCannotBeOpened)
{
  const TemporaryFolder folder;
  EXPECT_ERROR (SafetensorsFile (folder / "absent"), ErrorCode::not_found, "absent");
  EXPECT_ERROR (SafetensorsFile (folder.path ()), ErrorCode::unreadable, "folder");
  const std::string fifo = folder / "fifo";
  ASSERT_EQ (mkfifo (fifo.c_str (), 0600), 0);
  EXPECT_ERROR (SafetensorsFile{fifo}, ErrorCode::unreadable, "regular");
  EXPECT_ERROR (write_safetensors (folder / "no/such/folder", {}), ErrorCode::unreadable,
                "folder");
}

TEST (Files, Sha256)
{
  // FIPS 180-4's example.
  EXPECT_EQ (sha256 ("abc", 3),
             "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const TemporaryFolder folder;
  write_text (folder / "abc", "abc");
  write_text (folder / "empty", "");
  EXPECT_EQ (sha256_of_file (folder / "abc"), sha256 ("abc", 3));
  EXPECT_EQ (sha256_of_file (folder / "empty"),
             "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
