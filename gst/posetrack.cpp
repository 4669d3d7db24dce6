// SPDX-License-Identifier: LGPL-2.1-or-later
#include "posetrack.h"

#include <cmath>
#include <iterator>

#include "tensorcaps.h"

using Lock = std::lock_guard<std::mutex>;

void
PoseTrack::add (GstClockTime running_time, const daetalker::Pose &pose)
{
  Lock lock (mutex_);
  poses_[running_time] = pose;
  if (poses_.size () > capacity)
    poses_.erase (poses_.begin ());
}

std::optional<daetalker::Pose>
PoseTrack::nearest (GstClockTime running_time)
{
  Lock lock (mutex_);
  if (poses_.empty ())
    return {};
  auto after = poses_.lower_bound (running_time);
  auto best = after;
  if (after == poses_.end ())
    best = std::prev (after);
  else if (after != poses_.begin ()) {
    auto before = std::prev (after);
    if (running_time - before->first < after->first - running_time)
      best = before;
  }
  const daetalker::Pose pose = best->second;
  if (best->first > kept)
    poses_.erase (poses_.begin (), poses_.lower_bound (best->first - kept));
  return pose;
}

void
PoseTrack::clear ()
{
  Lock lock (mutex_);
  poses_.clear ();
}

static GstFlowReturn
pose_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  (void)parent;
  PoseTrack *track = (PoseTrack *)pad->chaindata;
  daetalker::Pose pose;
  const gsize size = gst_buffer_extract (buffer, 0, pose.data (), sizeof (pose));
  const GstClockTime pts = GST_BUFFER_PTS (buffer);
  g_autoptr (GstEvent) event = gst_pad_get_sticky_event (pad, GST_EVENT_SEGMENT, 0);
  const GstSegment *segment = nullptr;
  if (event != nullptr)
    gst_event_parse_segment (event, &segment);
  GstClockTime time = GST_CLOCK_TIME_NONE;
  if (segment != nullptr && segment->format == GST_FORMAT_TIME &&
      GST_CLOCK_TIME_IS_VALID (pts))
    time = gst_segment_to_running_time (segment, GST_FORMAT_TIME, pts);
  const bool finite =
      std::isfinite (pose[0]) && std::isfinite (pose[1]) && std::isfinite (pose[2]);
  if (size == sizeof (pose) && GST_CLOCK_TIME_IS_VALID (time) && finite)
    track->add (time, pose);
  else
    GST_DEBUG_OBJECT (pad, "left out %" GST_PTR_FORMAT, buffer);
  gst_buffer_unref (buffer);
  return GST_FLOW_OK;
}

static gboolean
pose_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  gboolean accepted = TRUE;
  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP) {
    ((PoseTrack *)pad->eventdata)->clear ();
  } else if (GST_EVENT_TYPE (event) == GST_EVENT_CAPS) {
    GstCaps *caps;
    gst_event_parse_caps (event, &caps);
    TensorCaps parsed;
    g_autofree gchar *reason = nullptr;
    accepted = daetalker_tensor_caps_parse (caps, 1, &parsed, &reason);
    if (accepted && parsed.size != 3) {
      reason = g_strdup_printf ("it has %u numbers", parsed.size);
      accepted = FALSE;
    }
    if (!accepted)
      GST_ELEMENT_ERROR (GST_ELEMENT (parent), STREAM, WRONG_TYPE,
                         ("The stream at pad %s holds no poses: %s. A pose is one "
                          "float32 tensor of 3 numbers",
                          GST_PAD_NAME (pad), reason),
                         (nullptr));
  }
  // It ends here: what comes out has its own events.
  gst_event_unref (event);
  return accepted;
}

GstPad *
daetalker_pose_pad_new (GstPadTemplate *templ, const gchar *name, PoseTrack *track)
{
  GstPad *pad = gst_pad_new_from_template (templ, name);
  gst_pad_set_chain_function_full (pad, pose_chain, track, nullptr);
  gst_pad_set_event_function_full (pad, pose_event, track, nullptr);
  gst_pad_set_iterate_internal_links_function (
      pad, [] (GstPad *, GstObject *) -> GstIterator * { return nullptr; });
  return pad;
}
