// SPDX-License-Identifier: LGPL-2.1-or-later
#include "posetrack.h"

#include <chrono>
#include <cmath>
#include <iterator>

#include "tensorcaps.h"

using Lock = std::unique_lock<std::mutex>;

void
PoseTrack::add (GstClockTime running_time, const daetalker::Pose &pose)
{
  Lock lock (mutex_);
  poses_[running_time] = pose;
  if (poses_.size () > capacity)
    poses_.erase (poses_.begin ());
  lock.unlock ();
  reach (running_time);
}

void
PoseTrack::reach (GstClockTime running_time)
{
  Lock lock (mutex_);
  // GST_CLOCK_TIME_NONE is the largest of all times.
  reached_ = any_ ? std::max (reached_, running_time) : running_time;
  any_ = true;
  gave_up_ = false;
  changed_.notify_all ();
}

PoseTrack::Wait
PoseTrack::wait (GstClockTime running_time)
{
  Lock lock (mutex_);
  const guint64 interruptions = interruptions_;
  const auto enough = [&] {
    return (any_ && reached_ >= running_time) || !linked_ || flushing_ || gave_up_ ||
           interruptions_ != interruptions;
  };
  GstClockTime before;
  do { // whatever comes renews the patience
    before = any_ ? reached_ : 0;
    if (changed_.wait_for (lock, std::chrono::nanoseconds (patience),
                           [&] { return enough () || (any_ && reached_ != before); }) &&
        enough ())
      return flushing_ ? Wait::flushing : Wait::over;
  } while (any_ && reached_ != before);
  gave_up_ = true;
  return Wait::late;
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
  reached_ = 0;
  any_ = gave_up_ = false;
}

void
PoseTrack::set_linked (bool linked)
{
  Lock lock (mutex_);
  linked_ = linked;
  changed_.notify_all ();
}

void
PoseTrack::set_flushing (bool flushing)
{
  Lock lock (mutex_);
  flushing_ = flushing;
  changed_.notify_all ();
}

void
PoseTrack::interrupt ()
{
  Lock lock (mutex_);
  interruptions_++;
  changed_.notify_all ();
}

// In running time, of a time in the pad's segment; GST_CLOCK_TIME_NONE if it has none.
static GstClockTime
running_time_of (GstPad *pad, GstClockTime time)
{
  g_autoptr (GstEvent) event = gst_pad_get_sticky_event (pad, GST_EVENT_SEGMENT, 0);
  const GstSegment *segment = nullptr;
  if (event != nullptr)
    gst_event_parse_segment (event, &segment);
  if (segment == nullptr || segment->format != GST_FORMAT_TIME ||
      !GST_CLOCK_TIME_IS_VALID (time))
    return GST_CLOCK_TIME_NONE;
  return gst_segment_to_running_time (segment, GST_FORMAT_TIME, time);
}

static GstFlowReturn
pose_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  (void)parent;
  PoseTrack *track = (PoseTrack *)pad->chaindata;
  daetalker::Pose pose;
  const gsize size = gst_buffer_extract (buffer, 0, pose.data (), sizeof (pose));
  const GstClockTime time = running_time_of (pad, GST_BUFFER_PTS (buffer));
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
  PoseTrack *track = (PoseTrack *)pad->eventdata;
  gboolean accepted = TRUE;
  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP) {
    track->clear ();
  } else if (GST_EVENT_TYPE (event) == GST_EVENT_EOS) {
    track->reach (GST_CLOCK_TIME_NONE);
  } else if (GST_EVENT_TYPE (event) == GST_EVENT_GAP) {
    GstClockTime begin, duration;
    gst_event_parse_gap (event, &begin, &duration);
    const GstClockTime end = running_time_of (
        pad, GST_CLOCK_TIME_IS_VALID (duration) ? begin + duration : begin);
    if (GST_CLOCK_TIME_IS_VALID (end))
      track->reach (end);
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
  gst_pad_set_link_function_full (
      pad,
      [] (GstPad *self, GstObject *, GstPad *) {
        ((PoseTrack *)self->linkdata)->set_linked (true);
        return GST_PAD_LINK_OK;
      },
      track, nullptr);
  gst_pad_set_unlink_function_full (
      pad,
      [] (GstPad *self, GstObject *) {
        ((PoseTrack *)self->unlinkdata)->set_linked (false);
      },
      track, nullptr);
  gst_pad_set_iterate_internal_links_function (
      pad, [] (GstPad *, GstObject *) -> GstIterator * { return nullptr; });
  return pad;
}
