// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What tests of elements share: GStreamer started once, a few of the system's
// plugins, errors taken from a bus.
#pragma once

#include <gmodule.h>
#include <gst/gst.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "tests/one_file.h"

// Loads plugins of the system, e.g. { "coreelements", "audiotestsrc" }.
inline void
require_plugins (std::initializer_list<const char *> names)
{
  for (const char *name : names) {
    const std::string file = std::string ("libgst") + name + "." G_MODULE_SUFFIX;
    g_autofree gchar *path =
        g_build_filename (g_getenv ("DAETALKER_SYSTEM_PLUGINS"), file.c_str (), nullptr);
    g_autoptr (GError) error = nullptr;
    g_autoptr (GstPlugin) plugin = gst_plugin_load_file (path, &error);
    ASSERT_NE (plugin, nullptr) << error->message;
  }
}

// An error as it arrives on a bus.
struct BusError {
  GQuark domain = 0;
  gint code = 0;
  std::string text;
};

// The first error on `bus` within `timeout`; domain 0 if there is none.
inline BusError
pop_error (GstBus *bus, GstClockTime timeout = 0)
{
  g_autoptr (GstMessage) message =
      gst_bus_timed_pop_filtered (bus, timeout, GST_MESSAGE_ERROR);
  if (message == nullptr)
    return {};
  g_autoptr (GError) error = nullptr;
  gst_message_parse_error (message, &error, nullptr);
  return {error->domain, error->code, error->message};
}

// One line of main() for every program with tests of elements.
inline int
run_element_tests (int argc, char **argv)
{
  gst_init (&argc, &argv);
  const int failed = run_tests_of_file (argc, argv);
  gst_deinit ();
  return failed;
}
