// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Properties of a bin that are its children's: each property that a child's own
// class installs becomes a property of the bin, with the same name, type, range,
// default and words.
#pragma once

#include <gst/gst.h>

#include <vector>

// Installs on `klass`, from the id `first` on, what the classes of `child_types`
// install themselves (not what they inherit) and `klass` does not have yet; leaves
// out the names in `own` (ends with nullptr), which the bin answers itself.
void daetalker_forward_properties (GObjectClass *klass, guint first,
                                   const std::vector<GType> &child_types,
                                   const gchar *const *own);

// Sets the property on every child that has it.
void daetalker_set_forwarded (const std::vector<GstElement *> &children,
                              const gchar *name, const GValue *value);

// Gets the property from the first child that has it.
void daetalker_get_forwarded (const std::vector<GstElement *> &children,
                              const gchar *name, GValue *value);

// A control source that is attached to a controllable property of `bin` moves the
// child's property: whenever the child synchronises its values, it asks the bin's.
void daetalker_proxy_controls (GstObject *bin, const std::vector<GstElement *> &children);
