// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Caps of pictures: their memory, their colours, and where they come from.
#pragma once

#include <gst/gst.h>

// Whether structure `i` is of pictures in GPU memory.
bool daetalker_is_on_device (const GstCaps *caps, guint i);

// Takes `caps`; what is left of them where nothing can stay on a GPU.
GstCaps *daetalker_without_device_memory (GstCaps *caps);

// Takes `caps`; their first structure, fixed, with the colours that GStreamer assumes
// where none are given.
GstCaps *daetalker_fixate_picture_caps (GstCaps *caps);

// Answers an ALLOCATION query with a pool in system memory, downstream's if it offers
// one, with strides as downstream wants them; `limited`: the pool has few pictures.
gboolean daetalker_decide_system_allocation (GstQuery *query, bool &limited);
