// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Provenance: marks that say that a picture was generated.  Stream tags reach
// containers (MP4, Matroska) and applications; the meta stays with each buffer on
// its way through converters, queues and copies.
#pragma once

#include <gst/gst.h>

#include "models/engine.h"

// IPTC's name for media made by a trained network.
#define DAETALKER_SOURCE_TYPE                                                            \
  "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

// A GstCustomMeta (gst_buffer_get_custom_meta) of this name with the string fields
// digital-source-type (DAETALKER_SOURCE_TYPE), generator, avatar, model-hash.
#define DAETALKER_SYNTHETIC_META "GstDaetalkerSyntheticMedia"

// Marks `buffer`, which must be writable.
void daetalker_synthetic_meta_add (GstBuffer *buffer, const daetalker::AvatarInfo &info);

// New tags of the stream: comment (for people), extended-comment
// "DigitalSourceType=...", application-name; before the tags of `upstream`, which
// may be nullptr.
GstTagList *daetalker_synthetic_tags_new (const daetalker::AvatarInfo &info,
                                          const GstTagList *upstream);
