// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/train_log.h"

#include "models/studio/training/curves.h"
#include "tests/models/temporary_folder.h"

#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <iterator>
#include <opencv2/core.hpp>

using namespace daetalker;
using daetalker::test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

std::string
content (const fs::path &path)
{
  std::ifstream file (path, std::ios::binary);
  return {std::istreambuf_iterator<char> (file), {}};
}

template <typename Number>
Number
number_at (const std::string &data, size_t offset)
{
  Number number;
  std::memcpy (&number, data.data () + offset, sizeof number);
  return number;
}

// The payloads of a file of TFRecords whose checksums are right.
std::vector<std::string>
records (const std::string &data)
{
  const auto unmasked = [] (uint32_t value) {
    value -= 0xa282ead8u;
    return value >> 17 | value << 15;
  };
  std::vector<std::string> result;
  for (size_t at = 0; at + 16 <= data.size ();) {
    const auto length = number_at<uint64_t> (data, at);
    EXPECT_EQ (unmasked (number_at<uint32_t> (data, at + 8)),
               crc32c (data.substr (at, 8)));
    result.push_back (data.substr (at + 12, length));
    EXPECT_EQ (unmasked (number_at<uint32_t> (data, at + 12 + length)),
               crc32c (result.back ()));
    at += 16 + length;
  }
  return result;
}

std::vector<fs::path>
files_in (const fs::path &folder)
{
  std::vector<fs::path> files;
  for (const auto &entry : fs::directory_iterator (folder))
    files.push_back (entry.path ());
  return files;
}

} // namespace

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
TEST (Crc32c, IsCastagnolis)
{
  EXPECT_EQ (crc32c (std::string (32, '\0')), 0x8a9136aau);
  EXPECT_EQ (crc32c (std::string (32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ (crc32c ("123456789"), 0xe3069283u);
}

TEST (TrainLog, WritesLinesEventsAndCurves)
{
  const TemporaryFolder folder;
  {
    TrainLog log (folder.path (), "stage");
    log.write ({{"step", 300}, {"minutes", 1.5}, {"loss", 0.25}});
  }
  std::ofstream (folder / "stage.jsonl", std::ios::app) << "{\"step\": 3"; // killed
  {
    std::ofstream (folder / "stage.jsonl", std::ios::app) << "\n";
    TrainLog log (folder.path (), "stage");
    log.write ({{"step", 600}, {"minutes", 3}, {"loss", 0.125}});
  }
  EXPECT_TRUE (fs::exists (folder / "stage-curves.png"));

  const auto files = files_in (folder.path () / "tensorboard" / "stage");
  ASSERT_FALSE (files.empty ());
  std::vector<std::string> events;
  for (const fs::path &file : files)
    for (const std::string &event : records (content (file)))
      events.push_back (event);
  bool found = false;
  for (const std::string &event : events) {
    // wall_time, then step 300 as a varint, then the summary
    if (event.size () < 12 || event.substr (9, 3) != "\x10\xac\x02")
      continue;
    found = true;
    EXPECT_EQ (event[12], '\x2a');
    const size_t tag = event.find ("\x0a\x04loss\x15");
    ASSERT_NE (tag, std::string::npos);
    EXPECT_EQ (number_at<float> (event, tag + 7), 0.25f);
  }
  EXPECT_TRUE (found);
  EXPECT_NE (events.front ().find ("brain.Event:2"), std::string::npos);
}

TEST (Curves, OneForEachNumberThatChanges)
{
  const std::vector<nlohmann::json> entries = {
      {{"minutes", 1}, {"step", 10}, {"loss", 4.0}, {"psnr", 20.0}},
      {{"minutes", 2}, {"step", 20}, {"loss", 2.0}, {"name", "x"}},
      {{"minutes", 3}, {"step", 30}, {"loss", 1.0}, {"psnr", 30.0}},
      {{"minutes", 4}, {"once", 1.0}, {"loss", nullptr}}};
  const cv::Mat both = draw_curves (entries);
  const cv::Mat one = draw_curves ({entries[0], entries[1]});
  ASSERT_FALSE (one.empty ());
  EXPECT_EQ (both.size (), one.size ()); // two beside each other in one row
  EXPECT_GT (cv::norm (both, one), 0);
  EXPECT_TRUE (draw_curves ({entries[0]}).empty ());
  EXPECT_TRUE (draw_curves ({}).empty ());
}
