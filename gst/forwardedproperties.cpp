// SPDX-License-Identifier: LGPL-2.1-or-later
#include "forwardedproperties.h"

#include <gst/controller/gstproxycontrolbinding.h>

// GObject has no function for this: a GParamSpec belongs to one class.  nullptr for
// types that no element of ours has.
static GParamSpec *
clone (const GParamSpec *spec)
{
  const gchar *name = spec->name;
  const gchar *nick = g_param_spec_get_nick ((GParamSpec *)spec);
  const gchar *blurb = g_param_spec_get_blurb ((GParamSpec *)spec);
  const GParamFlags flags = spec->flags;
  if (G_IS_PARAM_SPEC_BOOLEAN (spec))
    return g_param_spec_boolean (name, nick, blurb,
                                 G_PARAM_SPEC_BOOLEAN (spec)->default_value, flags);
  if (G_IS_PARAM_SPEC_INT (spec)) {
    const GParamSpecInt *range = G_PARAM_SPEC_INT (spec);
    return g_param_spec_int (name, nick, blurb, range->minimum, range->maximum,
                             range->default_value, flags);
  }
  if (G_IS_PARAM_SPEC_UINT (spec)) {
    const GParamSpecUInt *range = G_PARAM_SPEC_UINT (spec);
    return g_param_spec_uint (name, nick, blurb, range->minimum, range->maximum,
                              range->default_value, flags);
  }
  if (G_IS_PARAM_SPEC_UINT64 (spec)) {
    const GParamSpecUInt64 *range = G_PARAM_SPEC_UINT64 (spec);
    return g_param_spec_uint64 (name, nick, blurb, range->minimum, range->maximum,
                                range->default_value, flags);
  }
  if (G_IS_PARAM_SPEC_FLOAT (spec)) {
    const GParamSpecFloat *range = G_PARAM_SPEC_FLOAT (spec);
    return g_param_spec_float (name, nick, blurb, range->minimum, range->maximum,
                               range->default_value, flags);
  }
  if (G_IS_PARAM_SPEC_DOUBLE (spec)) {
    const GParamSpecDouble *range = G_PARAM_SPEC_DOUBLE (spec);
    return g_param_spec_double (name, nick, blurb, range->minimum, range->maximum,
                                range->default_value, flags);
  }
  if (G_IS_PARAM_SPEC_ENUM (spec))
    return g_param_spec_enum (name, nick, blurb, spec->value_type,
                              G_PARAM_SPEC_ENUM (spec)->default_value, flags);
  if (G_IS_PARAM_SPEC_STRING (spec))
    return g_param_spec_string (name, nick, blurb,
                                G_PARAM_SPEC_STRING (spec)->default_value, flags);
  if (G_IS_PARAM_SPEC_BOXED (spec))
    return g_param_spec_boxed (name, nick, blurb, spec->value_type, flags);
  g_critical ("property %s has a type that cannot be forwarded: %s", name,
              G_PARAM_SPEC_TYPE_NAME (spec));
  return nullptr;
}

void
daetalker_forward_properties (GObjectClass *klass, guint first,
                              const std::vector<GType> &child_types,
                              const gchar *const *own)
{
  for (GType type : child_types) {
    GObjectClass *child_class = G_OBJECT_CLASS (g_type_class_ref (type));
    guint count = 0;
    g_autofree GParamSpec **specs = g_object_class_list_properties (child_class, &count);
    for (guint i = 0; i < count; i++) {
      if (specs[i]->owner_type != type || g_strv_contains (own, specs[i]->name) ||
          g_object_class_find_property (klass, specs[i]->name) != nullptr)
        continue;
      if (GParamSpec *spec = clone (specs[i]))
        g_object_class_install_property (klass, first++, spec);
    }
    g_type_class_unref (child_class);
  }
}

static bool
has_property (GstElement *child, const gchar *name)
{
  return g_object_class_find_property (G_OBJECT_GET_CLASS (child), name) != nullptr;
}

void
daetalker_set_forwarded (const std::vector<GstElement *> &children, const gchar *name,
                         const GValue *value)
{
  for (GstElement *child : children)
    if (has_property (child, name))
      g_object_set_property (G_OBJECT (child), name, value);
}

void
daetalker_get_forwarded (const std::vector<GstElement *> &children, const gchar *name,
                         GValue *value)
{
  for (GstElement *child : children) {
    if (has_property (child, name)) {
      g_object_get_property (G_OBJECT (child), name, value);
      return;
    }
  }
}

void
daetalker_proxy_controls (GstObject *bin, const std::vector<GstElement *> &children)
{
  for (GstElement *child : children) {
    guint count = 0;
    g_autofree GParamSpec **specs =
        g_object_class_list_properties (G_OBJECT_GET_CLASS (child), &count);
    for (guint i = 0; i < count; i++) {
      const gchar *name = specs[i]->name;
      if ((specs[i]->flags & GST_PARAM_CONTROLLABLE) != 0 &&
          g_object_class_find_property (G_OBJECT_GET_CLASS (bin), name) != nullptr)
        gst_object_add_control_binding (
            GST_OBJECT (child),
            gst_proxy_control_binding_new (GST_OBJECT (child), name, bin, name));
    }
  }
}
