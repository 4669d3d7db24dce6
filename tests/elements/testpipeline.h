// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A whole pipeline, with what arrived at its sinks.
#pragma once

#include <gst/gst.h>

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "testbundle.h"
#include "testelements.h"

// What a fakesink with signal-handoffs=true received.
struct Arrivals {
  guint64 count = 0;
  GstClockTime first = GST_CLOCK_TIME_NONE, last = GST_CLOCK_TIME_NONE; // PTS
  GstClockTime end = GST_CLOCK_TIME_NONE; // of the last buffer
  guint64 discont = 0;                    // flags after the first buffer
  bool in_order = true;
  int first_byte = -1; // of the last buffer
};

class TestPipeline {
public:
  explicit TestPipeline (const std::string &line)
  {
    g_autoptr (GError) error = nullptr;
    pipeline = gst_parse_launch_full (line.c_str (), nullptr, GST_PARSE_FLAG_FATAL_ERRORS,
                                      &error);
    if (error != nullptr)
      ADD_FAILURE () << error->message << " in " << line;
    bus = gst_element_get_bus (pipeline);
    g_autoptr (GstIterator) sinks = gst_bin_iterate_sinks (GST_BIN (pipeline));
    GValue item = G_VALUE_INIT;
    while (gst_iterator_next (sinks, &item) == GST_ITERATOR_OK) {
      auto *sink = GST_ELEMENT (g_value_get_object (&item));
      if (g_signal_lookup ("handoff", G_OBJECT_TYPE (sink)) != 0) {
        g_object_set (sink, "signal-handoffs", TRUE, nullptr);
        g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), this);
      }
      g_value_reset (&item);
    }
    g_value_unset (&item);
  }
  TestPipeline (const TestPipeline &) = delete;
  TestPipeline &operator= (const TestPipeline &) = delete;

  ~TestPipeline ()
  {
    gst_element_set_state (pipeline, GST_STATE_NULL);
    gst_object_unref (bus);
    gst_object_unref (pipeline);
  }

  void play () { gst_element_set_state (pipeline, GST_STATE_PLAYING); }

  // Plays until the end of the stream or an error; which is left in `error`.
  bool run (GstClockTime timeout = 50 * GST_SECOND)
  {
    play ();
    return wait (timeout);
  }

  bool wait (GstClockTime timeout = 50 * GST_SECOND)
  {
    GstMessage *popped = nullptr;
    do {
      gst_clear_message (&popped);
      popped = gst_bus_timed_pop_filtered (
          bus, timeout,
          GstMessageType (GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_QOS));
      if (popped == nullptr) {
        error.text = "nothing arrived in time";
        return false;
      }
      qos_messages += GST_MESSAGE_TYPE (popped) == GST_MESSAGE_QOS;
    } while (GST_MESSAGE_TYPE (popped) == GST_MESSAGE_QOS);
    g_autoptr (GstMessage) message = popped;
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
      return true;
    g_autoptr (GError) parsed = nullptr;
    gst_message_parse_error (message, &parsed, nullptr);
    error = {parsed->domain, parsed->code, parsed->message};
    error_source = GST_OBJECT_NAME (GST_MESSAGE_SRC (message));
    return false;
  }

  // Of the sink of that name.
  Arrivals arrivals (const char *sink)
  {
    std::lock_guard<std::mutex> lock (mutex_);
    return arrivals_[sink];
  }

  std::shared_ptr<GstElement> get (const char *name)
  {
    return {gst_bin_get_by_name (GST_BIN (pipeline), name), gst_object_unref};
  }

  GstElement *pipeline = nullptr;
  GstBus *bus = nullptr;
  BusError error;
  std::string error_source;
  guint64 qos_messages = 0; // seen by wait()

private:
  static void on_handoff (GstElement *sink, GstBuffer *buffer, GstPad *, gpointer data)
  {
    auto *self = (TestPipeline *)data;
    std::lock_guard<std::mutex> lock (self->mutex_);
    Arrivals &a = self->arrivals_[GST_OBJECT_NAME (sink)];
    const GstClockTime pts = GST_BUFFER_PTS (buffer);
    if (a.count == 0)
      a.first = pts;
    else {
      a.in_order &= pts > a.last;
      a.discont += GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT);
    }
    a.last = pts;
    a.end = pts + GST_BUFFER_DURATION (buffer);
    a.count++;
    guint8 byte = 0;
    if (gst_buffer_extract (buffer, 0, &byte, 1) == 1)
      a.first_byte = byte;
  }

  std::mutex mutex_;
  std::map<std::string, Arrivals> arrivals_;
};
