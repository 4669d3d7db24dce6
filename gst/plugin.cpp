// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Registration only.  Every element is registered on every machine, with a GPU
// or without, with an engine or without: what is missing is said on use.
#include <gst/gst.h>

#include "config.h"
#include "gstdaeencode.h"
#include "gstdaerender.h"
#include "gstdaetalkerbin.h"
#include "gstspeech2latent.h"
#include "gstspeechfeatures.h"

static gboolean
plugin_init (GstPlugin *plugin)
{
  gboolean registered = TRUE;
  registered &= GST_ELEMENT_REGISTER (daeencode, plugin);
  registered &= GST_ELEMENT_REGISTER (daerender, plugin);
  registered &= GST_ELEMENT_REGISTER (daetalkerbin, plugin);
  registered &= GST_ELEMENT_REGISTER (speech2latent, plugin);
  registered &= GST_ELEMENT_REGISTER (speechfeatures, plugin);
  return registered;
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, daetalker,
                   "Speech to talking face by a diffusion autoencoder", plugin_init,
                   VERSION, "LGPL", PACKAGE, PACKAGE_ORIGIN)
