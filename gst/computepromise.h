// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The time that an element promises to need for a frame, or for a chunk of frames where
// it computes those: what it adds to the latency of a live stream.
#pragma once

#include <gst/gst.h>

#include <atomic>

#include "framestats.h"

// Given by the property `compute-time`, where the element has it, or measured.  Every
// method may be called from any thread.
class ComputePromise {
public:
  // The property, in ms; -1: measured.
  static void install (GObjectClass *klass, guint id);
  void set (GstElement *element, const GValue *value); // posts LATENCY
  void get (GValue *value) const;

  // At the start: a frame took `spent`.
  void start (GstClockTime spent);

  GstClockTime time () const;

  // After each frame, which took `spent` and is in `stats`.  A measured promise is kept
  // in 95 of 100 frames (sinks allow more: processing-deadline): it grows when it is not,
  // follows when a quarter of it is not needed any more, and posts LATENCY; a given one
  // that is broken is logged, and posted as the element message `daetalker-overload`
  // (spent, promised, frames so far), the first time and every hundredth.
  void watch (GstElement *element, const FrameStats &stats, GstClockTime spent);

private:
  void promise (GstElement *element, GstClockTime needed);
  void report (GstElement *element, GstClockTime spent, GstClockTime promised) const;

  static constexpr guint64 report_every = 100;

  std::atomic<gint> given_{-1}; // ms
  std::atomic<GstClockTime> measured_{0};
  std::atomic<guint64> broken_{0};
};
