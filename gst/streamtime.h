// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the elements that hold speech back have in common: segments, seeks, latency
// and what they let be read.
#pragma once

#include <gst/gst.h>

// A segment event as the elements want it: another format than TIME (raw samples
// from a file) becomes TIME from 0.  Playing backwards is an error on `element`,
// and nullptr.  Takes `event`.
GstEvent *daetalker_time_segment (GstElement *element, GstEvent *event);

// TRUE for a seek with a negative rate.
gboolean daetalker_is_backward_seek (GstEvent *event);

// Answers a latency query on a source pad: what upstream says, and `latency` on top
// if the stream is live.
gboolean daetalker_answer_latency (GstPad *sinkpad, GstQuery *query,
                                   GstClockTime latency);

// TRUE if what comes to a sink pad is of a live source, which nothing may hold up.
gboolean daetalker_is_live (GstPad *sinkpad);

// TRUE if `pts` is further than `tolerance` from `expected`.
gboolean daetalker_is_jump (GstElement *element, GstClockTime expected, GstClockTime pts,
                            GstClockTime tolerance);

void daetalker_post_latency (GstElement *element);

// The boolean property `batch`.
void daetalker_install_batch (GObjectClass *klass, guint id);

// The readable properties `latency` and `stats`.
void daetalker_install_readings (GObjectClass *klass, guint latency_id, guint stats_id);
