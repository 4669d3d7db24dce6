// SPDX-License-Identifier: LGPL-2.1-or-later
#include "picturecaps.h"

#include <gst/video/video.h>

#include "videoview.h"

bool
daetalker_is_on_device (const GstCaps *caps, guint i)
{
  const GstCapsFeatures *features = gst_caps_get_features (caps, i);
  return !gst_caps_features_is_any (features) &&
         gst_caps_features_contains (features, DAETALKER_CUDA_MEMORY);
}

GstCaps *
daetalker_without_device_memory (GstCaps *caps)
{
  caps = gst_caps_make_writable (caps);
  for (guint i = gst_caps_get_size (caps); i-- > 0;)
    if (daetalker_is_on_device (caps, i))
      gst_caps_remove_structure (caps, i);
  return caps;
}

GstCaps *
daetalker_fixate_picture_caps (GstCaps *caps)
{
  caps = gst_caps_make_writable (gst_caps_truncate (caps));
  GstStructure *s = gst_caps_get_structure (caps, 0);
  gint height = 0;
  // As GStreamer assumes it where colorimetry is absent.
  if (gst_structure_has_field (s, "chroma-site") &&
      gst_structure_get_int (s, "height", &height))
    gst_structure_fixate_field_string (s, "colorimetry",
                                       height > 576 ? "bt709" : "bt601");
  return gst_caps_fixate (caps);
}

gboolean
daetalker_decide_system_allocation (GstQuery *query, bool &limited)
{
  GstCaps *caps = nullptr;
  gst_query_parse_allocation (query, &caps, nullptr);
  GstVideoInfo info;
  if (caps == nullptr || !gst_video_info_from_caps (&info, caps))
    return FALSE;

  GstBufferPool *pool = nullptr;
  guint size = (guint)info.size, min = 0, max = 0;
  const bool offered = gst_query_get_n_allocation_pools (query) > 0;
  if (offered)
    gst_query_parse_nth_allocation_pool (query, 0, &pool, &size, &min, &max);
  limited = max > 0;
  if (pool == nullptr)
    pool = gst_video_buffer_pool_new ();
  size = MAX (size, (guint)info.size);

  if (gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, nullptr)) {
    GstStructure *config = gst_buffer_pool_get_config (pool);
    gst_buffer_pool_config_set_params (config, caps, size, min, max);
    gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    gst_buffer_pool_set_config (pool, config);
  }
  if (offered)
    gst_query_set_nth_allocation_pool (query, 0, pool, size, min, max);
  else
    gst_query_add_allocation_pool (query, pool, size, min, max);
  gst_object_unref (pool);
  return TRUE;
}
