// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Poses that come in on a pad, by running time.
#pragma once

#include <gst/gst.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include "models/engine.h"

// Every method may be called from any thread.
class PoseTrack {
public:
  // Forgets the oldest poses beyond `capacity`.
  void add (GstClockTime running_time, const daetalker::Pose &pose);

  // Nothing more comes up to this time: a gap, or (GST_CLOCK_TIME_NONE) the end.
  void reach (GstClockTime running_time);

  enum class Wait {
    over,     // it is known which pose is nearest, or none is to be waited for
    late,     // nothing came for `patience`; waits no more before the next pose comes
    flushing, // the frame is not wanted any more
  };

  // Waits until it is known which pose is nearest to this time, for as long as a
  // stream is linked and nobody interrupts.
  Wait wait (GstClockTime running_time);

  // The pose nearest in time; nothing before the first pose.  Forgets poses that
  // lie more than `kept` before it.
  std::optional<daetalker::Pose> nearest (GstClockTime running_time);

  void clear ();

  // End a wait, now and (the first two) until they are set back.
  void set_linked (bool linked);
  void set_flushing (bool flushing);
  void interrupt ();

  static constexpr gsize capacity = 1 << 20; // nine hours at 30 a second
  static constexpr GstClockTime kept = 10 * GST_SECOND;
  static constexpr GstClockTime patience = 5 * GST_SECOND;

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<GstClockTime, daetalker::Pose> poses_;
  GstClockTime reached_ = 0; // everything before it has come
  bool any_ = false;         // has come
  bool linked_ = false, flushing_ = false, gave_up_ = false;
  guint64 interruptions_ = 0;
};

// A sink pad for one float32 tensor [3] (yaw, pitch, roll in degrees) that adds what
// comes in to `track`, which has to live as long as the pad is active.  Tensors of
// another size are an error on the pad's element, poses that are not finite or
// have no timestamp are left out.
GstPad *daetalker_pose_pad_new (GstPadTemplate *templ, const gchar *name,
                                PoseTrack *track);
