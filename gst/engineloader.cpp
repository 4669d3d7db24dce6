// SPDX-License-Identifier: LGPL-2.1-or-later
#include "engineloader.h"

#include <gmodule.h>

#include <mutex>
#include <set>
#include <vector>

#include "config.h"

using daetalker::Error;
using daetalker::ErrorCode;

namespace {

constexpr const gchar *shipped_avatar = "grid-s1";

daetalker::Engine *
open_engine ()
{
  const gchar *named = g_getenv ("DAETALKER_ENGINE");
  const std::string path = named != nullptr && *named != '\0' ? named
                                                              : DAETALKER_ENGINE_DIR
                               "/libdaetalker-engine." G_MODULE_SUFFIX;

  GModule *module = g_module_open (
      path.c_str (), (GModuleFlags)(G_MODULE_BIND_LAZY | G_MODULE_BIND_LOCAL));
  if (module == nullptr)
    throw DaetalkerEngineError (ErrorCode::not_found, path, g_module_error (),
                                "Install gst-daetalker's engine and LibTorch, or name "
                                "the engine's library in the "
                                "environment variable DAETALKER_ENGINE");

  gpointer symbol = nullptr;
  if (!g_module_symbol (module, "daetalker_engine_create", &symbol) ||
      symbol == nullptr) {
    g_module_close (module);
    throw DaetalkerEngineError (
        ErrorCode::wrong_model, path,
        "it is no daetalker engine (no symbol daetalker_engine_create)",
        "Set DAETALKER_ENGINE to an engine's library, or unset it");
  }
  // LibTorch does not survive being unloaded.
  g_module_make_resident (module);

  daetalker::Engine *engine = ((DaetalkerEngineCreate)symbol) (daetalker::engine_abi);
  if (engine == nullptr)
    throw DaetalkerEngineError (
        ErrorCode::wrong_model, path, "it was built for another version of the elements",
        "Install the elements and the engine from the same release");
  GST_INFO ("engine %s from %s", engine->name ().c_str (), path.c_str ());
  return engine;
}

// Names of the bundles in `folder`.
std::set<std::string>
list_avatars (const std::string &folder)
{
  std::set<std::string> names;
  g_autoptr (GDir) dir = g_dir_open (folder.c_str (), 0, nullptr);
  if (dir == nullptr)
    return names;
  while (const gchar *name = g_dir_read_name (dir)) {
    g_autofree gchar *json =
        g_build_filename (folder.c_str (), name, "avatar.json", nullptr);
    if (g_file_test (json, G_FILE_TEST_IS_REGULAR))
      names.insert (name);
  }
  return names;
}

} // namespace

daetalker::Engine &
daetalker_engine_load ()
{
  static std::mutex mutex;
  static daetalker::Engine *engine = nullptr;
  std::lock_guard<std::mutex> lock (mutex);
  // A failure is not remembered: the library may be installed meanwhile.
  if (engine == nullptr)
    engine = open_engine ();
  return *engine;
}

void
daetalker_post_error (GstElement *element, const daetalker::Error &error,
                      GstMessageType type)
{
  GQuark domain = GST_LIBRARY_ERROR;
  gint code = GST_LIBRARY_ERROR_FAILED;
  auto resource = [&] (GstResourceError value) {
    domain = GST_RESOURCE_ERROR;
    code = value;
  };

  if (dynamic_cast<const DaetalkerEngineError *> (&error) != nullptr) {
    code = GST_LIBRARY_ERROR_INIT;
  } else {
    switch (error.code ()) {
    case ErrorCode::not_found:
    case ErrorCode::no_device:
      resource (GST_RESOURCE_ERROR_NOT_FOUND);
      break;
    case ErrorCode::unreadable:
      resource (GST_RESOURCE_ERROR_OPEN_READ);
      break;
    case ErrorCode::corrupt:
      resource (GST_RESOURCE_ERROR_READ);
      break;
    case ErrorCode::no_consent:
      resource (GST_RESOURCE_ERROR_NOT_AUTHORIZED);
      break;
    case ErrorCode::no_memory:
      resource (GST_RESOURCE_ERROR_NO_SPACE_LEFT);
      break;
    case ErrorCode::wrong_model:
      code = GST_LIBRARY_ERROR_SETTINGS;
      break;
    case ErrorCode::failed:
      break;
    }
  }
  gst_element_message_full (element, type, domain, code, g_strdup (error.what ()),
                            g_strdup_printf ("engine error %d", (int)error.code ()),
                            __FILE__, GST_FUNCTION, __LINE__);
}

std::string
daetalker_find_avatar (const gchar *name)
{
  const std::string wanted = name != nullptr && *name != '\0' ? name : shipped_avatar;
  if (wanted.find (G_DIR_SEPARATOR) != std::string::npos ||
      g_file_test (wanted.c_str (), G_FILE_TEST_IS_DIR))
    return wanted;

  std::vector<std::string> folders;
  if (const gchar *path = g_getenv ("DAETALKER_AVATAR_PATH")) {
    g_auto (GStrv) parts = g_strsplit (path, G_SEARCHPATH_SEPARATOR_S, -1);
    for (gchar **part = parts; *part != nullptr; part++)
      if (**part != '\0')
        folders.push_back (*part);
  }
  folders.push_back (DAETALKER_AVATAR_DIR);

  std::string places, found;
  for (const std::string &folder : folders) {
    const std::set<std::string> names = list_avatars (folder);
    if (names.count (wanted) != 0)
      return folder + G_DIR_SEPARATOR_S + wanted;
    places += (places.empty () ? "" : ", ") + folder;
    for (const std::string &other : names)
      found += (found.empty () ? "" : ", ") + other;
  }
  throw Error (
      ErrorCode::not_found, "avatar '" + wanted + "'", "it is in none of " + places,
      found.empty ()
          ? "Set the property avatar to a bundle's folder, or put its parent folder "
            "into DAETALKER_AVATAR_PATH"
          : "Avatars found there: " + found);
}
