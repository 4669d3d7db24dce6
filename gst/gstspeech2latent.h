// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/gst.h>

#define GST_TYPE_SPEECH2LATENT (gst_speech2latent_get_type ())
G_DECLARE_FINAL_TYPE (GstSpeech2Latent, gst_speech2latent, GST, SPEECH2LATENT,
                      GstBaseTransform)
GST_ELEMENT_REGISTER_DECLARE (speech2latent)

// The face goes to rest within three frames, and stays there until the speech of this
// running time.  From any thread.
void gst_speech2latent_rest (GstSpeech2Latent *self, GstClockTime until);
