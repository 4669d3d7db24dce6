// SPDX-License-Identifier: LGPL-2.1-or-later
//
// For elements that give one frame for each frame: the frame rate passes, whatever
// else the caps of the two sides say.
#pragma once

#include <gst/gst.h>

// `model` (taken) at each of the frame rates of `caps` that it allows itself, and
// within `filter`, in the filter's order, unless that is nullptr.
GstCaps *daetalker_caps_at_rates (GstCaps *model, const GstCaps *caps, GstCaps *filter);
