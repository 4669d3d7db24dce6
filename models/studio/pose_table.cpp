// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/pose_table.h"

#include "models/io/files.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <glib.h>
#include <sstream>

namespace daetalker {

namespace {

constexpr std::array<const char *, 5> column_names = {"clip", "frame", "yaw", "pitch",
                                                      "roll"};

std::vector<std::string>
split (const std::string &line)
{
  std::vector<std::string> fields;
  gchar **parts = g_strsplit (line.c_str (), ",", -1);
  for (gchar **part = parts; *part; ++part)
    fields.emplace_back (g_strstrip (*part));
  g_strfreev (parts);
  return fields;
}

} // namespace

PoseTable::PoseTable (const std::string &path) : path_ (path)
{
  const MappedFile file (path);
  std::istringstream text (
      std::string (reinterpret_cast<const char *> (file.data ()), file.size ()));
  std::size_t line_number = 0;
  const auto fail = [&] (const std::string &reason) {
    throw Error (ErrorCode::corrupt, path + " line " + std::to_string (line_number),
                 reason,
                 "Write the header clip,frame,yaw,pitch,roll and a line for each frame");
  };
  const auto number = [&fail] (const std::string &field) {
    gchar *end = nullptr;
    const double value = g_ascii_strtod (field.c_str (), &end);
    if (field.empty () || *end != '\0' || !std::isfinite (value))
      fail ("\"" + field + "\" is not a number");
    return value;
  };

  std::array<std::size_t, column_names.size ()> columns{};
  for (std::string line; std::getline (text, line);) {
    ++line_number;
    const std::vector<std::string> fields = split (line);
    if (line_number == 1) {
      for (std::size_t i = 0; i < columns.size (); ++i) {
        const auto found = std::find (fields.begin (), fields.end (), column_names[i]);
        if (found == fields.end ())
          fail (std::string ("the column ") + column_names[i] + " is missing");
        columns[i] = std::size_t (found - fields.begin ());
      }
      continue;
    }
    if (fields.size () == 1 && fields[0].empty ())
      continue;
    if (*std::max_element (columns.begin (), columns.end ()) >= fields.size ())
      fail ("it has too few fields");
    std::vector<Pose> &poses = clips_[fields[columns[0]]];
    if (number (fields[columns[1]]) != double (poses.size ()))
      fail ("frame " + std::to_string (poses.size ()) + " was expected");
    poses.push_back ({float (number (fields[columns[2]])),
                      float (number (fields[columns[3]])),
                      float (number (fields[columns[4]]))});
  }
  if (line_number == 0)
    fail ("the file is empty");
}

const std::vector<Pose> *
PoseTable::find (const std::string &clip, std::size_t frames) const
{
  const auto found = clips_.find (clip);
  if (found == clips_.end ())
    return nullptr;
  if (found->second.size () != frames)
    throw Error (ErrorCode::wrong_model, path_,
                 "clip " + clip + " has " + std::to_string (frames) + " frames and " +
                     std::to_string (found->second.size ()) + " poses",
                 "Give one pose per frame, at 25 frames a second");
  return &found->second;
}

} // namespace daetalker
