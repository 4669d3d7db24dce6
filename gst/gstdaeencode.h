// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstbasetransform.h>

#define GST_TYPE_DAE_ENCODE (gst_dae_encode_get_type ())
G_DECLARE_FINAL_TYPE (GstDaeEncode, gst_dae_encode, GST, DAE_ENCODE, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (daeencode);
