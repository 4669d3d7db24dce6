// SPDX-License-Identifier: LGPL-2.1-or-later
//
// How many evaluations a frame gets where nobody says it: as many as there is time for
// between two frames.
#pragma once

#include <gst/gst.h>

#include <deque>
#include <vector>

// Of one stream; streaming thread only.
class StepChoice {
public:
  // `allowed`: ascending, not empty.  `spent`: what a frame of `steps` evaluations took.
  void start (const std::vector<int> &allowed, int steps, GstClockTime spent);

  // The time between two frames.
  void set_period (GstClockTime period);

  int steps () const { return steps_; }

  // What a frame of so many takes, as far as is known.
  GstClockTime expected () const;

  // A frame of steps() evaluations took `spent`.
  void add (GstClockTime spent);

  // Of the period that a frame may take: the rest is for the other elements.
  static constexpr double budget = 0.7;
  // More evaluations are taken only if they leave some of that.
  static constexpr double reserve = 0.85;

private:
  GstClockTime per_evaluation (gsize of_last) const;
  void choose (GstClockTime each);

  static constexpr gsize window = 25; // frames before more is tried, or a few are late
  static constexpr int patience = 3;  // frames that may last longer than the period

  std::vector<int> allowed_ = {1};
  int steps_ = 1;
  GstClockTime period_ = 0;       // 0: not known yet
  std::deque<GstClockTime> each_; // times of one evaluation, of the last frames
  gsize since_change_ = 0;        // frames
  int late_ = 0;                  // frames in a row
};
