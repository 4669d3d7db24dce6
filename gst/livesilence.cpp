// SPDX-License-Identifier: LGPL-2.1-or-later
#include "livesilence.h"

#include <gst/audio/audio.h>

#include <algorithm>
#include <chrono>

GST_DEBUG_CATEGORY_STATIC (live_silence_debug);
#define GST_CAT_DEFAULT live_silence_debug

namespace {

enum class Upstream { unknown, live, not_live };

// `latency`: the least, of a live one.
Upstream
query_upstream (GstPad *pad, GstClockTime *latency)
{
  g_autoptr (GstQuery) query = gst_query_new_latency ();
  if (!gst_pad_peer_query (pad, query))
    return Upstream::unknown;
  gboolean live = FALSE;
  gst_query_parse_latency (query, &live, latency, nullptr);
  return live ? Upstream::live : Upstream::not_live;
}

// GST_CLOCK_TIME_NONE without a clock.
GstClockTime
running_time_of (GstElement *element)
{
  g_autoptr (GstClock) clock = gst_element_get_clock (element);
  if (clock == nullptr)
    return GST_CLOCK_TIME_NONE;
  const GstClockTime now = gst_clock_get_time (clock);
  const GstClockTime base = gst_element_get_base_time (element);
  return now > base ? now - base : 0;
}

} // namespace

LiveSilence::LiveSilence (GstElement *element, GstPad *pad)
    : element_ (element), pad_ (pad)
{
  static std::once_flag once;
  std::call_once (once, [] {
    GST_DEBUG_CATEGORY_INIT (live_silence_debug, "daetalkerbin-silence", 0,
                             "silence where a live source stops");
  });
  gst_pad_add_probe (pad_,
                     GstPadProbeType (GST_PAD_PROBE_TYPE_BUFFER |
                                      GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM |
                                      GST_PAD_PROBE_TYPE_EVENT_FLUSH),
                     on_data, this, nullptr);
}

LiveSilence::~LiveSilence ()
{
  stop ();
}

void
LiveSilence::start ()
{
  std::lock_guard<std::mutex> lock (mutex_);
  if (running_)
    return;
  running_ = true;
  thread_ = std::thread ([this] { run (); });
}

void
LiveSilence::stop ()
{
  {
    std::lock_guard<std::mutex> lock (mutex_);
    if (!running_)
      return;
    running_ = live_ = false;
  }
  changed_.notify_all ();
  thread_.join ();
}

void
LiveSilence::reset ()
{
  heard_ = GST_CLOCK_TIME_NONE;
  filled_ = 0;
  ended_ = silent_ = hopeless_ = false;
  delays_.clear ();
}

void
LiveSilence::run ()
{
  std::unique_lock<std::mutex> lock (mutex_);
  while (running_) {
    lock.unlock ();
    const bool goes_on = live_ || find_upstream ();
    const GstClockTime now = running_time_of (element_);
    // Who holds the lock is bringing sound just now.
    if (live_ && GST_CLOCK_TIME_IS_VALID (now) && GST_PAD_STREAM_TRYLOCK (pad_)) {
      fill (now);
      GST_PAD_STREAM_UNLOCK (pad_);
    }
    lock.lock ();
    if (!goes_on)
      return;
    changed_.wait_for (lock, std::chrono::nanoseconds (step / 2),
                       [this] { return !running_; });
  }
}

// FALSE if it is not live.  Sources may not know before their first buffer.
bool
LiveSilence::find_upstream ()
{
  GstClockTime latency = 0;
  const Upstream upstream = query_upstream (pad_, &latency);
  if (upstream == Upstream::live) {
    upstream_ = latency;
    live_ = true;
  }
  return upstream != Upstream::not_live;
}

// With the pad's stream lock.
void
LiveSilence::fill (GstClockTime now)
{
  const auto patience = (GstClockTime)MAX (patience_ms_.load (), 0) * GST_MSECOND;
  GstSegment segment;
  if (ended_ || patience_ms_ < 0 || !GST_CLOCK_TIME_IS_VALID (heard_) ||
      !gst_pad_has_current_caps (pad_) || !get_segment (&segment))
    return;
  // What has come in up to now, where all is well.
  const GstClockTime delay = upstream_ + usual_delay ();
  if (now < heard_ + delay + (silent_ ? step : MAX (patience, step))) // a step, or none
    return;
  if (!silent_)
    GST_INFO_OBJECT (element_, "no sound since %" GST_TIME_FORMAT ": the face idles",
                     GST_TIME_ARGS (heard_));
  silent_ = true;
  send_gap (segment, heard_ + (now - delay - heard_) / step * step);
}

// From what was heard up to `end`.
void
LiveSilence::send_gap (const GstSegment &segment, GstClockTime end)
{
  const GstClockTime position =
      gst_segment_position_from_running_time (&segment, GST_FORMAT_TIME, heard_);
  if (!GST_CLOCK_TIME_IS_VALID (position))
    return;
  GstEvent *gap = gst_event_new_gap (position, end - heard_);
  heard_ = filled_ = end;
  gst_pad_send_event (pad_, gap);
}

// The next sound is of `begin`: no hole is to be left before it.
void
LiveSilence::bridge (const GstSegment &segment, GstClockTime begin)
{
  if (live_ && patience_ms_ >= 0 && GST_CLOCK_TIME_IS_VALID (heard_) &&
      GST_CLOCK_TIME_IS_VALID (begin) && begin > heard_ + step &&
      begin <= heard_ + longest_hole)
    send_gap (segment, begin);
}

void
LiveSilence::note_arrival (GstClockTime begin)
{
  const GstClockTime now = running_time_of (element_);
  if (!GST_CLOCK_TIME_IS_VALID (now))
    return;
  // Of the beginning: what comes in long pieces leaves as long pauses between them.
  delays_.push_back (GST_CLOCK_DIFF (begin + upstream_, now));
  if (delays_.size () <= window)
    return;
  delays_.pop_front ();
  const bool hopeless =
      *std::min_element (delays_.begin (), delays_.end ()) > (GstClockTimeDiff)most_delay;
  if (hopeless && !hopeless_)
    GST_ELEMENT_WARNING (element_, STREAM, FAILED,
                         ("Sound arrives %.1f s late, and is not spoken. Its timestamps "
                          "must follow the pipeline's clock, or upstream's answer to the "
                          "LATENCY query must be right",
                          (double)delays_.back () / GST_SECOND),
                         (nullptr));
  hopeless_ = hopeless;
}

// The least delay of the last buffers: after a stall many are late, and soon none; those
// of a source whose latency is not as it says are late all the time.
GstClockTime
LiveSilence::usual_delay () const
{
  if (delays_.empty ())
    return 0;
  const GstClockTimeDiff least = *std::min_element (delays_.begin (), delays_.end ());
  return least > 0 && least <= (GstClockTimeDiff)most_delay ? (GstClockTime)least : 0;
}

bool
LiveSilence::get_segment (GstSegment *segment) const
{
  g_autoptr (GstEvent) event = gst_pad_get_sticky_event (pad_, GST_EVENT_SEGMENT, 0);
  if (event == nullptr)
    return false;
  gst_event_copy_segment (event, segment);
  return segment->format == GST_FORMAT_TIME;
}

// ---- what comes in, with the pad's stream lock ---------------------------------------

GstPadProbeReturn
LiveSilence::on_data (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  (void)pad;
  auto *self = (LiveSilence *)data;
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER)
    return self->on_buffer (info);
  self->on_event (GST_PAD_PROBE_INFO_EVENT (info));
  return GST_PAD_PROBE_OK;
}

void
LiveSilence::on_event (GstEvent *event)
{
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_STREAM_START:
    ended_ = false;
    break;
  case GST_EVENT_EOS:
    ended_ = true;
    break;
  case GST_EVENT_SEGMENT: {
    // The pad holds the old one still, in which the hole before the new one lies.
    const GstSegment *next;
    GstSegment segment;
    gst_event_parse_segment (event, &next);
    if (next->format == GST_FORMAT_TIME && get_segment (&segment))
      bridge (segment, gst_segment_to_running_time (next, GST_FORMAT_TIME, next->start));
    break;
  }
  case GST_EVENT_FLUSH_STOP:
    reset ();
    break;
  case GST_EVENT_GAP: {
    GstClockTime begin, duration;
    GstSegment segment;
    gst_event_parse_gap (event, &begin, &duration);
    if (!GST_CLOCK_TIME_IS_VALID (duration) || !get_segment (&segment))
      break;
    const GstClockTime end =
        gst_segment_to_running_time (&segment, GST_FORMAT_TIME, begin + duration);
    if (GST_CLOCK_TIME_IS_VALID (end) &&
        (!GST_CLOCK_TIME_IS_VALID (heard_) || end > heard_))
      heard_ = end;
    break;
  }
  default:
    break;
  }
}

// The part of `buffer` that silence has not stood for, or nullptr.  Takes `buffer`.
GstBuffer *
LiveSilence::without_past (GstBuffer *buffer, const GstSegment &segment) const
{
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad_);
  GstAudioInfo format;
  if (caps == nullptr || !gst_audio_info_from_caps (&format, caps))
    return buffer;
  GstSegment rest = segment;
  rest.start =
      gst_segment_position_from_running_time (&segment, GST_FORMAT_TIME, filled_);
  return gst_audio_buffer_clip (buffer, &rest, format.rate, format.bpf);
}

GstPadProbeReturn
LiveSilence::on_buffer (GstPadProbeInfo *info)
{
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  GstSegment segment;
  if (!GST_BUFFER_PTS_IS_VALID (buffer) || !GST_BUFFER_DURATION_IS_VALID (buffer) ||
      !get_segment (&segment))
    return GST_PAD_PROBE_OK;
  GstClockTime begin =
      gst_segment_to_running_time (&segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  const GstClockTime end = gst_segment_to_running_time (
      &segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer) + GST_BUFFER_DURATION (buffer));
  if (!live_)
    return GST_PAD_PROBE_OK;
  if (!GST_CLOCK_TIME_IS_VALID (begin) || !GST_CLOCK_TIME_IS_VALID (end))
    return GST_PAD_PROBE_DROP; // of a time before the stream's
  note_arrival (begin);
  if (begin < filled_) {
    // Of a time that has gone by.
    if (end <= filled_)
      return GST_PAD_PROBE_DROP;
    buffer = without_past (buffer, segment);
    GST_PAD_PROBE_INFO_DATA (info) = buffer;
    if (buffer == nullptr)
      return GST_PAD_PROBE_HANDLED;
    begin = filled_;
  }
  bridge (segment, begin);
  // Counted on, where it follows: the hole of one lost packet is too short to be bridged,
  // those of several add up.
  const bool follows = GST_CLOCK_TIME_IS_VALID (heard_) && begin <= heard_ + step &&
                       heard_ <= begin + step;
  heard_ = (follows ? heard_ : begin) + (end - begin);
  silent_ = false;
  return GST_PAD_PROBE_OK;
}
