// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tensorcaps.h"

#include <string.h>

namespace {

constexpr guint64 max_size = 1 << 24;
constexpr gint max_chunk = 1 << 16;

// One tensor's size from NNStreamer's "512:1:1:1"; 0 if malformed or too large.
guint64
parse_dimensions (const gchar *text)
{
  g_auto (GStrv) parts = g_strsplit (text, ":", -1);
  guint64 product = 1;
  for (gchar **part = parts; *part != nullptr; part++) {
    guint64 value;
    if (!g_ascii_string_to_unsigned (g_strstrip (*part), 10, 1, max_size, &value,
                                     nullptr))
      return 0;
    product *= value;
    if (product > max_size)
      return 0;
  }
  return parts[0] != nullptr ? product : 0;
}

GstCaps *
tensor_caps_new (const gchar *id, guint num_tensors, const gchar *types,
                 const gchar *dimensions, gint rate_num, gint rate_den,
                 const gchar *model_hash)
{
  GstCaps *caps = gst_caps_new_simple (
      "other/tensors", "format", G_TYPE_STRING, "static", "num_tensors", G_TYPE_INT,
      (gint)num_tensors, "types", G_TYPE_STRING, types, "dimensions", G_TYPE_STRING,
      dimensions, "tensor-id", G_TYPE_STRING, id, nullptr);
  if (rate_den > 0)
    gst_caps_set_simple (caps, "framerate", GST_TYPE_FRACTION, rate_num, rate_den,
                         nullptr);
  if (model_hash != nullptr && *model_hash != '\0')
    gst_caps_set_simple (caps, "model-hash", G_TYPE_STRING, model_hash, nullptr);
  return caps;
}

} // namespace

GstCaps *
daetalker_features_caps_new (guint size, gint rate_num, gint rate_den,
                             const gchar *model_hash, gint chunk)
{
  g_autofree gchar *dimensions = g_strdup_printf ("%u:1:1:1", size);
  GstCaps *caps = tensor_caps_new (DAETALKER_FEATURES_ID, 1, "float32", dimensions,
                                   rate_num, rate_den, model_hash);
  if (chunk > 0)
    gst_caps_set_simple (caps, "chunk-frames", G_TYPE_INT, chunk, nullptr);
  return caps;
}

GstCaps *
daetalker_latent_caps_new (guint size, gint rate_num, gint rate_den,
                           const gchar *model_hash)
{
  g_autofree gchar *dimensions = g_strdup_printf ("%u:1:1:1,3:1:1:1", size);
  return tensor_caps_new (DAETALKER_LATENT_ID, 2, "float32,float32", dimensions, rate_num,
                          rate_den, model_hash);
}

gboolean
daetalker_tensor_caps_parse (const GstCaps *caps, guint num_tensors, TensorCaps *parsed,
                             gchar **reason)
{
  auto refuse = [reason] (const gchar *format, auto... args) -> gboolean {
    if (reason != nullptr)
      *reason = g_strdup_printf (format, args...);
    return FALSE;
  };

  if (caps == nullptr || gst_caps_is_any (caps) || gst_caps_get_size (caps) != 1)
    return refuse ("%s", "exactly one kind of stream is expected");
  const GstStructure *s = gst_caps_get_structure (caps, 0);
  if (!gst_structure_has_name (s, "other/tensors"))
    return refuse ("%s is not other/tensors", gst_structure_get_name (s));

  const gchar *format = gst_structure_get_string (s, "format");
  if (g_strcmp0 (format, "static") != 0)
    return refuse ("tensors of format '%s' are not supported, only static ones",
                   format ? format : "");

  gint count;
  if (!gst_structure_get_int (s, "num_tensors", &count) || count != (gint)num_tensors)
    return refuse ("%u tensor(s) per buffer are expected", num_tensors);

  const gchar *types = gst_structure_get_string (s, "types");
  const gchar *dimensions = gst_structure_get_string (s, "dimensions");
  if (types == nullptr || dimensions == nullptr)
    return refuse ("%s", "types or dimensions are missing");
  g_auto (GStrv) type = g_strsplit (types, ",", -1);
  g_auto (GStrv) dimension = g_strsplit (dimensions, ",", -1);
  if (g_strv_length (type) != num_tensors || g_strv_length (dimension) != num_tensors)
    return refuse ("types '%s' and dimensions '%s' do not describe %u tensor(s)", types,
                   dimensions, num_tensors);

  TensorCaps result;
  for (guint i = 0; i < num_tensors; i++) {
    if (strcmp (g_strstrip (type[i]), "float32") != 0)
      return refuse ("tensors of type '%s' are not supported, only float32", type[i]);
    const guint64 size = parse_dimensions (dimension[i]);
    if (size == 0)
      return refuse ("'%s' is no usable tensor size", dimension[i]);
    if (i == 0)
      result.size = (guint)size;
    else if (size != 3)
      return refuse ("tensor %u has %" G_GUINT64_FORMAT " numbers; a pose has 3", i,
                     size);
  }

  if (!gst_structure_get_fraction (s, "framerate", &result.rate_num, &result.rate_den)) {
    if (gst_structure_has_field (s, "framerate"))
      return refuse ("%s", "the frame rate is not fixed");
    result.rate_num = 0;
    result.rate_den = 1;
  }
  gint chunk = 0;
  if (gst_structure_get_int (s, "chunk-frames", &chunk) && chunk > 0)
    result.chunk = MIN (chunk, max_chunk);
  result.tensor_id = gst_structure_get_string (s, "tensor-id");
  result.model_hash = gst_structure_get_string (s, "model-hash");
  *parsed = result;
  return TRUE;
}
