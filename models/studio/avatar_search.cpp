// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/avatar_search.h"

#include "models/engine.h"

#include <filesystem>
#include <glib.h>
#include <sstream>

namespace daetalker {

namespace {

constexpr const char *shipped_avatar = "grid-s1";

bool
is_avatar (const std::string &folder)
{
  return g_file_test ((folder + "/avatar.json").c_str (), G_FILE_TEST_IS_REGULAR);
}

} // namespace

std::vector<std::string>
avatar_places ()
{
  std::vector<std::string> places;
  const gchar *named = g_getenv ("DAETALKER_AVATAR_PATH");
  std::istringstream list (named ? named : "");
  for (std::string place; std::getline (list, place, G_SEARCHPATH_SEPARATOR);)
    if (!place.empty ())
      places.push_back (place);
  places.push_back (DAETALKER_AVATAR_DIR);
  return places;
}

std::string
find_avatar (const std::string &name)
{
  if (!name.empty () && is_avatar (name))
    return name;
  for (const std::string &place : avatar_places ()) {
    const std::string folder = place + "/" + (name.empty () ? shipped_avatar : name);
    if (is_avatar (folder))
      return folder;
  }
  return "";
}

std::string
require_avatar (const std::string &name)
{
  const std::string avatar = find_avatar (name);
  if (!avatar.empty ())
    return avatar;
  std::string places;
  for (const std::string &place : avatar_places ())
    places += (places.empty () ? "" : ", ") + place;
  throw Error (ErrorCode::not_found, name.empty () ? "avatar" : name,
               "it is no avatar's folder, and no avatar of that name is in " + places,
               "`daetalker info` lists the avatars");
}

} // namespace daetalker
