// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Reading and writing whole files: mapped into memory, hashed, and replaced in
// one step, so that nobody ever sees half of a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

typedef struct _GMappedFile GMappedFile;

namespace daetalker {

// A regular file mapped into memory, copy on write: changes stay in this
// process.  Whoever shortens the file while it is mapped breaks its readers
// (SIGBUS); AtomicFile never does.
class MappedFile {
public:
  // Throws Error: not_found, or unreadable (no permission, a folder, a device).
  explicit MappedFile (const std::string &path);
  ~MappedFile ();
  MappedFile (const MappedFile &) = delete;
  MappedFile &operator= (const MappedFile &) = delete;

  const std::string &path () const { return path_; }
  std::uint8_t *data () const; // nullptr if the file is empty
  std::size_t size () const;

private:
  std::string path_;
  GMappedFile *map_ = nullptr;
};

// The file `path` as it will be: written under a temporary name in the same
// folder and renamed by commit().  Without commit() nothing is left behind.
class AtomicFile {
public:
  // Throws Error (unreadable) if the folder cannot be written to.
  explicit AtomicFile (const std::string &path);
  ~AtomicFile ();
  AtomicFile (const AtomicFile &) = delete;
  AtomicFile &operator= (const AtomicFile &) = delete;

  // Throws Error (failed), e.g. when the disk is full.
  void write (const void *data, std::size_t size);

  // Brings the data to the disk, then gives the file its name.
  void commit ();

private:
  [[noreturn]] void fail (const char *doing) const;

  std::string path_;
  std::string temporary_;
  int fd_ = -1;
};

// `text` in place of what `path` held, in one step.  Throws Error as AtomicFile does.
void replace_file (const std::string &path, const std::string &text);

// What white space divides in a text file.  Throws Error: not_found, unreadable.
std::vector<std::string> read_words (const std::string &path);

// SHA-256 in lower-case hex.
std::string sha256 (const void *data, std::size_t size);
std::string sha256_of_file (const std::string &path);

} // namespace daetalker
