// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The caps on both sides of speech2latent.
#pragma once

#include <gst/gst.h>

#include <string>

#include "models/engine.h"

// What an avatar takes (GST_PAD_SINK) and gives (GST_PAD_SRC), at any frame rate.
// `info` is nullptr while none is open.  Sizes of features are left out: they are
// written in more than one way, see daetalker_features_misfit().
GstCaps *daetalker_latent_pad_caps (const daetalker::AvatarInfo *info,
                                    GstPadDirection direction);

// Why a stream with these caps does not hold the features that the avatar was trained
// on; "" if it does.  Caps of strangers need not carry tensor-id and model-hash.
std::string daetalker_features_misfit (const daetalker::AvatarInfo &info,
                                       const GstCaps *caps);
