// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstbasetransform.h>

#define GST_TYPE_DAE_RENDER (gst_dae_render_get_type ())
G_DECLARE_FINAL_TYPE (GstDaeRender, gst_dae_render, GST, DAE_RENDER, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (daerender);
