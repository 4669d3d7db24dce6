// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/info.h"

#include "models/io/bundle.h"
#include "models/studio/avatar_search.h"
#include "models/studio/cpu.h"
#include "models/studio/gst_pointers.h"
#include "models/studio/torch_version.h"
#include "models/studio/video_pipeline.h"

#include <filesystem>
#include <gmodule.h>
#include <set>
#include <sstream>

namespace daetalker {

namespace fs = std::filesystem;

namespace {

using Findings = std::vector<Finding>;

bool
element_exists (const std::string &name)
{
  GstElementFactory *factory = gst_element_factory_find (name.c_str ());
  if (factory)
    gst_object_unref (factory);
  return factory != nullptr;
}

void
find_versions (Findings &findings)
{
  findings.push_back ({"daetalker", DAETALKER_VERSION});
  guint major = 0, minor = 0, micro = 0, nano = 0;
  gst_version (&major, &minor, &micro, &nano);
  std::ostringstream gstreamer;
  gstreamer << major << "." << minor << "." << micro;
  findings.push_back ({"GStreamer", gstreamer.str ()});
  findings.push_back ({"LibTorch", torch_version ()});
  findings.push_back ({"oneDNN", onednn_version ()});
}

void
find_cpu (Findings &findings)
{
  const Cpu cpu = read_cpu ();
  std::string features;
  for (const std::string &feature : cpu.features)
    features += " " + feature;
  findings.push_back (
      {"CPU", cpu.model + ", " + std::to_string (cpu.cores) + " cores:" +
                  (features.empty () ? " no vector extension that matters" : features)});
}

// Where the elements look: see gst/engineloader.h.
void
find_engine (Findings &findings)
{
  const gchar *named = g_getenv ("DAETALKER_ENGINE");
  const std::string path = named && *named ? named
                                           : DAETALKER_ENGINE_DIR
                               "/libdaetalker-engine." G_MODULE_SUFFIX;
  GModule *module = g_module_open (path.c_str (), G_MODULE_BIND_LOCAL);
  gpointer symbol = nullptr;
  if (!module || !g_module_symbol (module, "daetalker_engine_create", &symbol)) {
    findings.push_back ({"engine",
                         path + ": " + g_module_error () +
                             ". Install gst-daetalker's engine, or name its library in "
                             "DAETALKER_ENGINE",
                         false});
    return;
  }
  g_module_make_resident (module); // LibTorch does not survive being unloaded
  Engine *engine = reinterpret_cast<DaetalkerEngineCreate> (symbol) (engine_abi);
  if (!engine) {
    findings.push_back ({"engine",
                         path +
                             ": it was built for another version. Install elements and "
                             "engine of the same release",
                         false});
    return;
  }
  findings.push_back ({"engine", engine->name () + ", " + path});
  std::string devices;
  for (const std::string &device : engine->devices ())
    devices += (devices.empty () ? "" : ", ") + device;
  findings.push_back ({"devices", devices});
}

Finding
check_avatar (const std::string &folder)
{
  const std::string subject = "avatar " + fs::path (folder).filename ().string ();
  try {
    const Bundle bundle = read_bundle (folder);
    verify_files (bundle);
    const AvatarInfo &info = bundle.info;
    std::ostringstream text;
    text << info.width << "x" << info.height << " at " << info.fps.num << "/"
         << info.fps.den << " frames a second, " << info.license << ", " << folder;
    if (!bundle.consent)
      return {subject,
              text.str () + ": it holds no consent record. It plays with "
                            "allow-unconsented=true only",
              false};
    return {subject, text.str ()};
  } catch (const Error &error) {
    return {subject, error.what (), false};
  }
}

void
find_avatars (Findings &findings)
{
  std::set<std::string> folders;
  std::string places;
  for (const std::string &place : avatar_places ()) {
    places += (places.empty () ? "" : ", ") + place;
    std::error_code none;
    for (const auto &entry : fs::directory_iterator (place, none))
      if (find_avatar (entry.path ().string ()) == entry.path ().string ())
        folders.insert (entry.path ().string ());
  }
  for (const std::string &folder : folders)
    findings.push_back (check_avatar (folder));
  if (folders.empty ())
    findings.push_back (
        {"avatars",
         "none in " + places + ". Name a folder with avatars in DAETALKER_AVATAR_PATH",
         false});
}

void
find_elements (Findings &findings)
{
  for (const char *name :
       {"speechfeatures", "speech2latent", "daerender", "daeencode", "daetalkerbin"})
    findings.push_back (element_exists (name)
                            ? Finding{name, "is there"}
                            : Finding{name,
                                      "GStreamer does not find it. Name the folder of "
                                      "libgstdaetalker in GST_PLUGIN_PATH",
                                      false});
  const std::pair<const char *, const char *> others[] = {
      {"decodebin", "gstreamer1.0-plugins-base"},
      {"x264enc", "gstreamer1.0-plugins-ugly"},
      {"mp4mux", "gstreamer1.0-plugins-good"},
      {"avenc_ffv1", "gstreamer1.0-libav"},
      {"flacenc", "gstreamer1.0-plugins-good"},
      {"matroskamux", "gstreamer1.0-plugins-good"},
      {"pitch", "gstreamer1.0-plugins-bad"}};
  for (const auto &[name, package] : others)
    findings.push_back (
        element_exists (name)
            ? Finding{name, "is there"}
            : Finding{name, std::string ("is missing. Install ") + package, false});
  const std::string aac = find_aac_encoder ();
  findings.push_back (
      aac.empty ()
          ? Finding{"AAC encoder", "is missing. Install gstreamer1.0-libav", false}
          : Finding{"AAC encoder", aac});
}

} // namespace

std::vector<Finding>
inspect_installation ()
{
  Findings findings;
  find_versions (findings);
  find_cpu (findings);
  find_engine (findings);
  find_elements (findings);
  find_avatars (findings);
  return findings;
}

} // namespace daetalker
