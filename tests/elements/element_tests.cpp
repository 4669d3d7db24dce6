// SPDX-License-Identifier: LGPL-2.1-or-later
#include "testelements.h"

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  require_plugins (
      {"app", "coreelements", "audiotestsrc", "audioconvert", "audioresample"});
  return run_element_tests (argc, argv);
}
