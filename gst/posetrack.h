// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Poses that come in on a pad, by running time.
#pragma once

#include <gst/gst.h>

#include <map>
#include <mutex>
#include <optional>

#include "models/engine.h"

// Every method may be called from any thread.
class PoseTrack {
public:
  // Forgets the oldest poses beyond `capacity`.
  void add (GstClockTime running_time, const daetalker::Pose &pose);

  // The pose nearest in time; nothing before the first pose.  Forgets poses that
  // lie more than `kept` before it.
  std::optional<daetalker::Pose> nearest (GstClockTime running_time);

  void clear ();

  static constexpr gsize capacity = 65536;
  static constexpr GstClockTime kept = 10 * GST_SECOND;

private:
  std::mutex mutex_;
  std::map<GstClockTime, daetalker::Pose> poses_;
};

// A sink pad for one float32 tensor [3] (yaw, pitch, roll in degrees) that adds what
// comes in to `track`, which has to live as long as the pad is active.  Tensors of
// another size are an error on the pad's element, poses that are not finite or
// have no timestamp are left out.
GstPad *daetalker_pose_pad_new (GstPadTemplate *templ, const gchar *name,
                                PoseTrack *track);
