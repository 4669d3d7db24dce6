// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Keeps time going where a live source stops sending, as a muted call or a speech
// synthesis between two sentences does: gap events stand for the sound that does not
// come, so that the face idles instead of standing still.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

// Of one pad.
class LiveSilence {
public:
  // Sound comes in at the sink pad `pad` of a child of `element`, whose clock and base
  // time count.
  LiveSilence (GstElement *element, GstPad *pad);
  ~LiveSilence ();
  LiveSilence (const LiveSilence &) = delete;
  LiveSilence &operator= (const LiveSilence &) = delete;

  // How late sound may be before silence takes its place, in ms; -1: it never does.
  void set_patience (gint ms) { patience_ms_ = ms; }
  gint patience () const { return patience_ms_; }

  // PAUSED->PLAYING and back.
  void start ();
  void stop ();

  // Running time starts anew.  Not while sound comes in.
  void reset ();

  // Of silence at once.
  static constexpr GstClockTime step = 20 * GST_MSECOND;

  // A source that is always late is waited for by so much more, at most.
  static constexpr GstClockTime most_delay = 2 * GST_SECOND;

  // A hole in the sound up to here becomes silence at once.
  static constexpr GstClockTime longest_hole = 60 * GST_SECOND;

private:
  static constexpr gsize window = 25; // buffers
  static GstPadProbeReturn on_data (GstPad *pad, GstPadProbeInfo *info, gpointer data);
  GstPadProbeReturn on_buffer (GstPadProbeInfo *info);
  void on_event (GstEvent *event);
  GstBuffer *without_past (GstBuffer *buffer, const GstSegment &segment) const;
  bool get_segment (GstSegment *segment) const;
  void run ();
  bool find_upstream ();
  void fill (GstClockTime now);
  void bridge (const GstSegment &segment, GstClockTime begin);
  void send_gap (const GstSegment &segment, GstClockTime end);
  void note_arrival (GstClockTime begin);
  GstClockTime usual_delay () const;

  GstElement *const element_;
  GstPad *const pad_;
  std::atomic<gint> patience_ms_{100};
  std::atomic<bool> live_{false};         // and playing
  std::atomic<GstClockTime> upstream_{0}; // its latency

  // Running times, with the pad's stream lock.
  GstClockTime heard_ = GST_CLOCK_TIME_NONE; // the end of what came in, silence included
  GstClockTime filled_ = 0;                  // the end of our own silence
  bool ended_ = false;
  bool silent_ = false; // our silence is all that comes
  // By how much the last buffers came later than upstream promised.
  std::deque<GstClockTimeDiff> delays_;
  bool hopeless_ = false; // all of them by too much; it was said

  std::mutex mutex_;
  std::condition_variable changed_;
  bool running_ = false;
  std::thread thread_;
};
