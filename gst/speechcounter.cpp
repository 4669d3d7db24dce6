// SPDX-License-Identifier: LGPL-2.1-or-later
#include "speechcounter.h"

#include <algorithm>
#include <cmath>

void
SpeechCounter::set_format (int sample_rate, int hop)
{
  rate_ = sample_rate;
  hop_ = hop;
  forget ();
}

void
SpeechCounter::start (GstClockTime anchor)
{
  forget ();
  anchor_ = anchor;
}

void
SpeechCounter::forget ()
{
  anchor_ = GST_CLOCK_TIME_NONE;
  samples_ = frames_ = 0;
  peaks_.clear ();
}

void
SpeechCounter::add (const float *samples, gsize count)
{
  for (gsize i = 0; i < count; i++) {
    if (samples_++ % hop_ == 0)
      peaks_.push_back (0);
    if (std::isfinite (samples[i]))
      peaks_.back () = std::max (peaks_.back (), std::fabs (samples[i]));
  }
}

GstClockTime
SpeechCounter::sample_time (guint64 sample) const
{
  return anchor_ + gst_util_uint64_scale (sample, GST_SECOND, rate_);
}

void
SpeechCounter::stamp (GstBuffer *frame)
{
  const guint64 begin = frames_ * hop_;
  const guint64 end = std::min (begin + hop_, samples_);
  GST_BUFFER_PTS (frame) = sample_time (begin);
  GST_BUFFER_DTS (frame) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION (frame) = sample_time (end) - sample_time (begin);
  GST_BUFFER_OFFSET (frame) = frames_;
  GST_BUFFER_OFFSET_END (frame) = frames_ + 1;
  GST_BUFFER_FLAG_UNSET (frame, GST_BUFFER_FLAG_DISCONT);
  if (frames_ == 0)
    GST_BUFFER_FLAG_SET (frame, GST_BUFFER_FLAG_DISCONT);
  if (!peaks_.empty ()) {
    if (peaks_.front () < silence_peak)
      GST_BUFFER_FLAG_SET (frame, GST_BUFFER_FLAG_GAP);
    peaks_.pop_front ();
  }
  frames_++;
}
