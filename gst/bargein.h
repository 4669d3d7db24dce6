// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Barge-in: somebody interrupts, and the speech that came in up to now is not to be
// spoken any more.
#pragma once

#include <gst/gst.h>

#include <atomic>

// Times are running times.  Every method may be called from any thread.
class BargeIn {
public:
  // Speech came in up to here.
  void hear (GstClockTime end)
  {
    if (GST_CLOCK_TIME_IS_VALID (end))
      heard_ = end;
  }

  // What was heard up to now is not spoken; returns its end.
  GstClockTime interrupt ()
  {
    rest_until (heard_);
    return heard_;
  }

  void rest_until (GstClockTime end) { until_ = end; }

  // The end of what is not spoken; 0: everything is.
  GstClockTime until () const { return until_; }

  // Running time starts anew.
  void clear () { heard_ = until_ = 0; }

private:
  std::atomic<GstClockTime> heard_{0}, until_{0};
};
