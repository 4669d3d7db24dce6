// SPDX-License-Identifier: LGPL-2.1-or-later
#include "computepromise.h"

#include "streamtime.h"

static constexpr GstClockTime reserve = GST_MSECOND;

// What one or few frames took, or half of them: others take longer.
static GstClockTime
with_room (GstClockTime spent)
{
  return spent + MAX (spent / 4, reserve);
}

void
ComputePromise::install (GObjectClass *klass, guint id)
{
  g_object_class_install_property (
      klass, id,
      g_param_spec_int ("compute-time", "Compute time",
                        "Promised time to compute one frame in ms, the element's latency "
                        "(-1: measured)",
                        -1, 60000, -1,
                        GParamFlags (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                     GST_PARAM_MUTABLE_PLAYING)));
}

void
ComputePromise::set (GstElement *element, const GValue *value)
{
  given_ = g_value_get_int (value);
  daetalker_post_latency (element);
}

void
ComputePromise::get (GValue *value) const
{
  g_value_set_int (value, given_);
}

void
ComputePromise::start (GstClockTime spent)
{
  measured_ = with_room (spent);
  broken_ = 0;
}

GstClockTime
ComputePromise::time () const
{
  const gint given = given_;
  return given >= 0 ? (GstClockTime)given * GST_MSECOND : measured_.load ();
}

void
ComputePromise::promise (GstElement *element, GstClockTime needed)
{
  GST_INFO_OBJECT (element, "frames take %" GST_TIME_FORMAT ", not %" GST_TIME_FORMAT,
                   GST_TIME_ARGS (needed), GST_TIME_ARGS (measured_.load ()));
  measured_ = needed;
  daetalker_post_latency (element);
}

void
ComputePromise::report (GstElement *element, GstClockTime spent,
                        GstClockTime promised) const
{
  const guint64 frames = broken_;
  GST_WARNING_OBJECT (element,
                      "a frame took %" GST_TIME_FORMAT
                      ", more than compute-time; %" G_GUINT64_FORMAT " frames did so far",
                      GST_TIME_ARGS (spent), frames);
  GstStructure *facts = gst_structure_new ("daetalker-overload", "spent", G_TYPE_UINT64,
                                           spent, "promised", G_TYPE_UINT64, promised,
                                           "frames", G_TYPE_UINT64, frames, nullptr);
  gst_element_post_message (element,
                            gst_message_new_element (GST_OBJECT (element), facts));
}

void
ComputePromise::watch (GstElement *element, const FrameStats &stats, GstClockTime spent)
{
  const GstClockTime promised = time ();
  if (given_ >= 0) {
    if (spent > promised && broken_++ % report_every == 0)
      report (element, spent, promised);
    return;
  }
  constexpr gsize few = 5, enough = 100;
  const gsize times = stats.times ();
  if (times < enough) {
    // What was measured at the start may have had less of a past to look at.
    const GstClockTime half = times % few == 0 ? stats.percentile (0.5) : 0;
    if (half > promised)
      promise (element, with_room (half));
    return;
  }
  if (stats.count () % (enough / 2) != 0)
    return;
  const GstClockTime needed = stats.percentile (0.95);
  if (needed > promised || needed + reserve < promised - promised / 4)
    promise (element, needed + reserve);
}
