// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/io/files.h"

#include "models/engine.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <glib.h>
#include <iterator>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace daetalker {

MappedFile::MappedFile (const std::string &path) : path_ (path)
{
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const int fd = open (path.c_str (), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    throw Error (errno == ENOENT || errno == ENOTDIR ? ErrorCode::not_found
                                                     : ErrorCode::unreadable,
                 path, g_strerror (errno), "Check the path and its permissions");
  struct stat status;
  if (fstat (fd, &status) != 0 || !S_ISREG (status.st_mode)) {
    close (fd);
    throw Error (ErrorCode::unreadable, path,
                 S_ISDIR (status.st_mode) ? "is a folder" : "is not a regular file",
                 "Name a regular file");
  }
  GError *error = nullptr;
  map_ = g_mapped_file_new_from_fd (fd, TRUE, &error);
  close (fd);
  if (!map_) {
    const std::string reason = error->message;
    g_error_free (error);
    throw Error (ErrorCode::unreadable, path, reason, "Check the file and free memory");
  }
}

MappedFile::~MappedFile ()
{
  g_mapped_file_unref (map_);
}

std::uint8_t *
MappedFile::data () const
{
  return reinterpret_cast<std::uint8_t *> (g_mapped_file_get_contents (map_));
}

std::size_t
MappedFile::size () const
{
  return g_mapped_file_get_length (map_);
}

AtomicFile::AtomicFile (const std::string &path)
    : path_ (path), temporary_ (path + ".XXXXXX")
{
  fd_ = g_mkstemp_full (temporary_.data (), O_WRONLY | O_CLOEXEC, 0666);
  if (fd_ < 0)
    throw Error (ErrorCode::unreadable, path,
                 std::string ("cannot be created: ") + g_strerror (errno),
                 "Check that the folder exists and may be written to");
}

AtomicFile::~AtomicFile ()
{
  if (fd_ < 0)
    return;
  close (fd_);
  unlink (temporary_.c_str ());
}

void
AtomicFile::fail (const char *doing) const
{
  throw Error (ErrorCode::failed, path_,
               std::string ("cannot be ") + doing + ": " + g_strerror (errno),
               "Check the free space of its disk");
}

void
AtomicFile::write (const void *data, std::size_t size)
{
  const auto *bytes = static_cast<const std::uint8_t *> (data);
  while (size > 0) {
    const ssize_t written = ::write (fd_, bytes, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      fail ("written");
    bytes += written;
    size -= static_cast<std::size_t> (written);
  }
}

void
AtomicFile::commit ()
{
  if (fsync (fd_) != 0)
    fail ("written");
  if (rename (temporary_.c_str (), path_.c_str ()) != 0)
    fail ("renamed");
  close (fd_);
  fd_ = -1;
}

void
replace_file (const std::string &path, const std::string &text)
{
  AtomicFile file (path);
  file.write (text.data (), text.size ());
  file.commit ();
}

std::vector<std::string>
read_words (const std::string &path)
{
  const MappedFile file (path);
  std::istringstream text (std::string (file.data (), file.data () + file.size ()));
  return {std::istream_iterator<std::string> (text),
          std::istream_iterator<std::string> ()};
}

std::string
sha256 (const void *data, std::size_t size)
{
  GChecksum *checksum = g_checksum_new (G_CHECKSUM_SHA256);
  const auto *bytes = static_cast<const guchar *> (data);
  // GLib takes signed lengths and keeps 32-bit counters per update.
  for (std::size_t done = 0; done < size;) {
    const std::size_t part = std::min<std::size_t> (size - done, 1u << 30);
    g_checksum_update (checksum, bytes + done, static_cast<gssize> (part));
    done += part;
  }
  const std::string hex = g_checksum_get_string (checksum);
  g_checksum_free (checksum);
  return hex;
}

std::string
sha256_of_file (const std::string &path)
{
  const MappedFile file (path);
  return sha256 (file.data (), file.size ());
}

} // namespace daetalker
