// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The plugin as a file and the engine's loader.
#include <gmodule.h>

#include <cstdio>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "gst/engineloader.h"
#include "testbundle.h"
#include "testelements.h"

namespace {

using daetalker::Error;
using daetalker::ErrorCode;

std::string
output_of (const std::string &command)
{
  std::string text;
  FILE *pipe = popen (command.c_str (), "r");
  EXPECT_NE (pipe, nullptr);
  char buffer[4096];
  while (size_t count = fread (buffer, 1, sizeof (buffer), pipe))
    text.append (buffer, count);
  EXPECT_EQ (pclose (pipe), 0) << command;
  return text;
}

// A registry scan opens the plugin: LibTorch there costs 0.4 s and 160 MB.
// Names alone: an address may well end in c10.
TEST (Plugin, HasNoSymbolOfLibTorch)
{
  const std::string symbols =
      output_of (std::string ("nm -D -j ") + g_getenv ("DAETALKER_PLUGIN"));
  EXPECT_NE (symbols.find ("gst_plugin_daetalker_get_desc"), std::string::npos);
  for (const char *foreign : {"torch", "c10", "at6Tensor"})
    EXPECT_EQ (symbols.find (foreign), std::string::npos) << foreign;
}

// What gst-inspect-1.0 shows: all are there on every machine, and nothing plugs a face
// in by itself.
TEST (Plugin, RegistersEveryElementWithRankNone)
{
  const struct {
    const char *name, *klass;
    std::vector<const char *> pads;
  } elements[] = {
      {"daeencode", "Converter/Video/Metadata", {"sink", "src"}},
      {"daerender", "Converter/Metadata/Video", {"sink", "src"}},
      {"daetalkerbin", "Bin/Converter/Audio/Video", {"audio_src", "pose", "sink", "src"}},
      {"speech2latent", "Filter/Metadata", {"pose", "sink", "src"}},
      {"speechfeatures", "Analyzer/Audio", {"sink", "src"}}};
  for (const auto &one : elements) {
    g_autoptr (GstElementFactory) factory = gst_element_factory_find (one.name);
    ASSERT_NE (factory, nullptr) << one.name;
    EXPECT_EQ (gst_plugin_feature_get_rank (GST_PLUGIN_FEATURE (factory)),
               (guint)GST_RANK_NONE);
    EXPECT_STREQ (gst_element_factory_get_metadata (factory, GST_ELEMENT_METADATA_KLASS),
                  one.klass);
    std::set<std::string> pads;
    for (const GList *item = gst_element_factory_get_static_pad_templates (factory);
         item != nullptr; item = item->next)
      pads.insert (((GstStaticPadTemplate *)item->data)->name_template);
    EXPECT_EQ (pads, std::set<std::string> (one.pads.begin (), one.pads.end ()))
        << one.name;
  }
  g_autoptr (GstPlugin) plugin =
      gst_registry_find_plugin (gst_registry_get (), "daetalker");
  ASSERT_NE (plugin, nullptr);
  GList *features =
      gst_registry_get_feature_list_by_plugin (gst_registry_get (), "daetalker");
  EXPECT_EQ (g_list_length (features), std::size (elements)) << "and no other";
  gst_plugin_feature_list_free (features);
}

TEST (EngineLoader, MissingEngineIsNamedAndTriedAgain)
{
  const std::string engine = g_getenv ("DAETALKER_ENGINE");
  g_setenv ("DAETALKER_ENGINE", "/nowhere/engine.so", TRUE);
  try {
    daetalker_engine_load ();
    ADD_FAILURE () << "no error";
  } catch (const DaetalkerEngineError &error) {
    EXPECT_EQ (error.code (), ErrorCode::not_found);
    EXPECT_NE (std::string (error.what ()).find ("/nowhere/engine.so"),
               std::string::npos);
  }
  g_setenv ("DAETALKER_ENGINE", g_getenv ("DAETALKER_PLUGIN"), TRUE);
  try {
    daetalker_engine_load ();
    ADD_FAILURE () << "no error";
  } catch (const DaetalkerEngineError &error) {
    EXPECT_EQ (error.code (), ErrorCode::wrong_model);
  }
  g_setenv ("DAETALKER_ENGINE", engine.c_str (), TRUE);
  EXPECT_EQ (daetalker_engine_load ().name (), "arithmetic");
}

TEST (EngineLoader, AvatarsAreFoundByPathAndByName)
{
  TestBundle bundle;
  EXPECT_EQ (daetalker_find_avatar (bundle.c_str ()), bundle.path ());
  g_autofree gchar *parent = g_path_get_dirname (bundle.c_str ());
  g_autofree gchar *name = g_path_get_basename (bundle.c_str ());
  g_setenv ("DAETALKER_AVATAR_PATH", parent, TRUE);
  EXPECT_EQ (daetalker_find_avatar (name), bundle.path ());
  try {
    daetalker_find_avatar (nullptr);
    ADD_FAILURE () << "no error";
  } catch (const Error &error) {
    EXPECT_EQ (error.code (), ErrorCode::not_found);
    EXPECT_NE (std::string (error.what ()).find (name), std::string::npos)
        << "the avatars that exist are listed: " << error.what ();
    EXPECT_NE (std::string (error.what ()).find ("grid-s1"), std::string::npos);
  }
}

// As engineloader.h lists them.
TEST (EngineLoader, ErrorsKeepTheirMeaningOnTheBus)
{
  const struct {
    ErrorCode code;
    GQuark domain;
    gint expected;
  } cases[] = {
      {ErrorCode::not_found, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND},
      {ErrorCode::unreadable, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ},
      {ErrorCode::corrupt, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ},
      {ErrorCode::wrong_model, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS},
      {ErrorCode::no_consent, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_AUTHORIZED},
      {ErrorCode::no_device, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND},
      {ErrorCode::no_memory, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT},
      {ErrorCode::failed, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED},
  };
  g_autoptr (GstElement) element =
      (GstElement *)gst_object_ref_sink (gst_bin_new ("element"));
  g_autoptr (GstBus) bus = gst_bus_new ();
  gst_element_set_bus (element, bus);
  for (const auto &one : cases) {
    daetalker_post_error (element, Error (one.code, "a file", "a reason", "A remedy"));
    const BusError error = pop_error (bus);
    EXPECT_EQ (error.domain, one.domain);
    EXPECT_EQ (error.code, one.expected);
    EXPECT_EQ (error.text, "a file: a reason. A remedy");
  }

  EXPECT_EQ (daetalker_guard (element, -1, [] () -> int { throw std::bad_alloc (); }),
             -1);
  EXPECT_EQ (pop_error (bus).code, GST_RESOURCE_ERROR_NO_SPACE_LEFT);
  EXPECT_EQ (daetalker_guard (element, -1, [] () -> int { throw 7; }), -1);
  EXPECT_EQ (pop_error (bus).code, GST_LIBRARY_ERROR_FAILED);
  EXPECT_EQ (daetalker_guard (element, -1, [] { return 5; }), 5);
  EXPECT_EQ (pop_error (bus).domain, 0u);
  gst_element_set_bus (element, nullptr);
}

} // namespace
