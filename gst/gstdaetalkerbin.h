// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#define GST_TYPE_DAE_TALKER_BIN (gst_dae_talker_bin_get_type ())
G_DECLARE_FINAL_TYPE (GstDaeTalkerBin, gst_dae_talker_bin, GST, DAE_TALKER_BIN, GstBin)

GST_ELEMENT_REGISTER_DECLARE (daetalkerbin);
