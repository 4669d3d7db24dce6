// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ratecaps.h"

GstCaps *
daetalker_caps_at_rates (GstCaps *model, const GstCaps *caps, GstCaps *filter)
{
  GstCaps *result = gst_caps_new_empty ();
  for (guint i = 0; i < gst_caps_get_size (caps); i++) {
    g_autoptr (GstCaps) rated = gst_caps_copy (model);
    const GValue *rate =
        gst_structure_get_value (gst_caps_get_structure (caps, i), "framerate");
    if (rate != nullptr)
      gst_caps_set_value (rated, "framerate", rate);
    result = gst_caps_merge (result, gst_caps_intersect (rated, model));
  }
  gst_caps_unref (model);
  if (filter == nullptr)
    return result;
  GstCaps *filtered = gst_caps_intersect_full (filter, result, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref (result);
  return filtered;
}
