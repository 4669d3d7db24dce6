// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Owning pointers to GStreamer's objects.
#pragma once

#include <gst/gst.h>
#include <memory>

namespace daetalker {

struct GstRelease {
  void operator() (GError *error) const { g_error_free (error); }
  void operator() (GstBus *bus) const { gst_object_unref (bus); }
  void operator() (GstCaps *caps) const { gst_caps_unref (caps); }
  void operator() (GstElement *element) const { gst_object_unref (element); }
  void operator() (GstMessage *message) const { gst_message_unref (message); }
  void operator() (GstPad *pad) const { gst_object_unref (pad); }
  void operator() (GstSample *sample) const { gst_sample_unref (sample); }
};

using GErrorPointer = std::unique_ptr<GError, GstRelease>;
using GstBusPointer = std::unique_ptr<GstBus, GstRelease>;
using GstCapsPointer = std::unique_ptr<GstCaps, GstRelease>;
using GstElementPointer = std::unique_ptr<GstElement, GstRelease>;
using GstMessagePointer = std::unique_ptr<GstMessage, GstRelease>;
using GstPadPointer = std::unique_ptr<GstPad, GstRelease>;
using GstSamplePointer = std::unique_ptr<GstSample, GstRelease>;

} // namespace daetalker
