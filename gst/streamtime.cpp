// SPDX-License-Identifier: LGPL-2.1-or-later
#include "streamtime.h"

GstEvent *
daetalker_time_segment (GstElement *element, GstEvent *event)
{
  const GstSegment *segment;
  gst_event_parse_segment (event, &segment);
  if (segment->format != GST_FORMAT_TIME) {
    GstSegment time;
    gst_segment_init (&time, GST_FORMAT_TIME);
    GstEvent *replaced = gst_event_new_segment (&time);
    gst_event_set_seqnum (replaced, gst_event_get_seqnum (event));
    gst_event_unref (event);
    return replaced;
  }
  if (segment->rate < 0) {
    gst_event_unref (event);
    GST_ELEMENT_ERROR (element, STREAM, NOT_IMPLEMENTED,
                       ("Speech cannot be played backwards. Seek with a positive rate"),
                       (nullptr));
    return nullptr;
  }
  return event;
}

gboolean
daetalker_is_backward_seek (GstEvent *event)
{
  if (GST_EVENT_TYPE (event) != GST_EVENT_SEEK)
    return FALSE;
  gdouble rate;
  gst_event_parse_seek (event, &rate, nullptr, nullptr, nullptr, nullptr, nullptr,
                        nullptr);
  return rate < 0;
}

gboolean
daetalker_answer_latency (GstPad *sinkpad, GstQuery *query, GstClockTime latency)
{
  if (!gst_pad_peer_query (sinkpad, query))
    return FALSE;
  gboolean live;
  GstClockTime min, max;
  gst_query_parse_latency (query, &live, &min, &max);
  if (live)
    gst_query_set_latency (query, live, min + latency,
                           GST_CLOCK_TIME_IS_VALID (max) ? max + latency : max);
  return TRUE;
}

gboolean
daetalker_is_live (GstPad *sinkpad)
{
  g_autoptr (GstQuery) query = gst_query_new_latency ();
  gboolean live = FALSE;
  if (gst_pad_peer_query (sinkpad, query))
    gst_query_parse_latency (query, &live, nullptr, nullptr);
  return live;
}

gboolean
daetalker_is_jump (GstElement *element, GstClockTime expected, GstClockTime pts,
                   GstClockTime tolerance)
{
  const GstClockTime distance = pts > expected ? pts - expected : expected - pts;
  if (distance <= tolerance)
    return FALSE;
  GST_INFO_OBJECT (element, "time jumps from %" GST_TIME_FORMAT " to %" GST_TIME_FORMAT,
                   GST_TIME_ARGS (expected), GST_TIME_ARGS (pts));
  return TRUE;
}

void
daetalker_post_latency (GstElement *element)
{
  gst_element_post_message (element, gst_message_new_latency (GST_OBJECT (element)));
}

void
daetalker_install_batch (GObjectClass *klass, guint id)
{
  g_object_class_install_property (
      klass, id,
      g_param_spec_boolean (
          "batch", "Batch",
          "Gather frames and compute several at once, which is quicker and makes each "
          "come later; for files that nobody watches meanwhile. Live streams do not",
          FALSE,
          GParamFlags (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                       GST_PARAM_MUTABLE_PLAYING)));
}

void
daetalker_install_readings (GObjectClass *klass, guint latency_id, guint stats_id)
{
  const auto readable = GParamFlags (G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_property (
      klass, latency_id,
      g_param_spec_uint64 (
          "latency", "Latency",
          "Time that is held back, in nanoseconds (0 while nothing is open)", 0,
          G_MAXUINT64, 0, readable));
  g_object_class_install_property (
      klass, stats_id,
      g_param_spec_boxed ("stats", "Statistics",
                          "frames (rendered, encoded), dropped, fps, p50-ms, p95-ms and "
                          "p99-ms per frame, device, precision",
                          GST_TYPE_STRUCTURE, readable));
}
