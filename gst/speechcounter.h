// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Samples in, feature frames out: the timeline of one stretch of speech.  Times
// come from these counters alone.
#pragma once

#include <gst/gst.h>

#include <deque>

class SpeechCounter {
public:
  // Peak below which a hop holds no speech: -60 dBFS.
  static constexpr float silence_peak = 0.001f;

  // Of the encoder; forgets everything.
  void set_format (int sample_rate, int hop);

  // A new stretch of speech, whose first sample is at `anchor`.
  void start (GstClockTime anchor);
  void forget ();
  bool is_started () const { return GST_CLOCK_TIME_IS_VALID (anchor_); }

  // Samples that come in.  NaN and infinities count as silence.
  void add (const float *samples, gsize count);
  guint64 samples () const { return samples_; }

  // Where the next sample belongs; call it after start().
  GstClockTime next_time () const { return sample_time (samples_); }

  // Stamps the next frame: PTS, duration (which ends where the speech ends),
  // offset, GAP if it holds no speech, DISCONT if it is the first.
  void stamp (GstBuffer *frame);

private:
  GstClockTime sample_time (guint64 sample) const;

  int rate_ = 1, hop_ = 1;
  GstClockTime anchor_ = GST_CLOCK_TIME_NONE;
  guint64 samples_ = 0;     // received
  guint64 frames_ = 0;      // stamped
  std::deque<float> peaks_; // of the hops that are not yet stamped
};
