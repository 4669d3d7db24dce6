// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A folder for one test, removed with everything in it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace daetalker::test {

class TemporaryFolder {
public:
  TemporaryFolder ()
  {
    std::string name =
        (std::filesystem::temp_directory_path () / "daetalker-test-XXXXXX").string ();
    if (!mkdtemp (name.data ()))
      throw std::filesystem::filesystem_error (
          name, std::error_code (errno, std::generic_category ()));
    path_ = name;
  }
  ~TemporaryFolder () { std::filesystem::remove_all (path_); }
  TemporaryFolder (const TemporaryFolder &) = delete;
  TemporaryFolder &operator= (const TemporaryFolder &) = delete;

  const std::filesystem::path &path () const { return path_; }
  std::string operator/ (const std::string &name) const
  {
    return (path_ / name).string ();
  }

  // Number of files and folders in it, at any depth.
  std::size_t entries () const
  {
    using Iterator = std::filesystem::recursive_directory_iterator;
    return static_cast<std::size_t> (std::distance (Iterator (path_), Iterator ()));
  }

private:
  std::filesystem::path path_;
};

inline void
write_text (const std::string &path, const std::string &text)
{
  std::ofstream (path, std::ios::binary) << text;
}

inline std::string
read_text (const std::string &path)
{
  std::ifstream file (path, std::ios::binary);
  return {std::istreambuf_iterator<char> (file), std::istreambuf_iterator<char> ()};
}

} // namespace daetalker::test
