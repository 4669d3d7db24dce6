// SPDX-License-Identifier: LGPL-2.1-or-later
//
// speechfeatures and speech2latent in a harness with a bus, on the arithmetic
// engine (tests/engine/streams.h says what its numbers are).
#pragma once

#include <gst/audio/audio.h>
#include <gst/check/gstharness.h>

#include <cstring>
#include <vector>

#include "testbundle.h"
#include "testelements.h"

#define SPEECH_CAPS                                                                      \
  "audio/x-raw,format=" GST_AUDIO_NE (F32) ",rate=16000,channels=1,layout=interleaved"

constexpr guint64 test_rate = 16000;

// A frame as it leaves the harness.
struct TestFrame {
  GstClockTime pts, duration;
  guint64 offset;
  bool discont, gap;
  std::vector<float> values; // the first tensor
  std::vector<float> pose;   // the second, if there is one

  GstClockTime end () const { return pts + duration; }
};

inline TestFrame
take_frame (GstBuffer *buffer)
{
  TestFrame frame{GST_BUFFER_PTS (buffer),
                  GST_BUFFER_DURATION (buffer),
                  GST_BUFFER_OFFSET (buffer),
                  GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT) != 0,
                  GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP) != 0,
                  {},
                  {}};
  for (guint i = 0; i < gst_buffer_n_memory (buffer); i++) {
    GstMapInfo map;
    GstMemory *memory = gst_buffer_peek_memory (buffer, i);
    EXPECT_TRUE (gst_memory_map (memory, &map, GST_MAP_READ));
    const float *numbers = (const float *)map.data;
    (i == 0 ? frame.values : frame.pose)
        .assign (numbers, numbers + map.size / sizeof (float));
    gst_memory_unmap (memory, &map);
  }
  gst_buffer_unref (buffer);
  return frame;
}

class SpeechHarness {
public:
  // `launch`: elements, of which `f` is speechfeatures and `l` speech2latent; both
  // get the avatar.  `rate`: what downstream asks for, or nullptr.  Does not start.
  explicit SpeechHarness (const TestBundle &bundle,
                          const char *launch = "speechfeatures name=f ! speech2latent "
                                               "name=l",
                          const char *rate = nullptr)
      : bus (gst_bus_new ())
  {
    g_autoptr (GError) error = nullptr;
    bin = gst_parse_bin_from_description (launch, TRUE, &error);
    EXPECT_NE (bin, nullptr) << error->message;
    gst_object_ref_sink (bin);
    features = gst_bin_get_by_name (GST_BIN (bin), "f");
    latents = gst_bin_get_by_name (GST_BIN (bin), "l");
    for (GstElement *element : {features, latents})
      if (element != nullptr)
        g_object_set (element, "avatar", bundle.c_str (), nullptr);
    gst_element_set_bus (bin, bus);
    if (rate != nullptr)
      sink_caps = std::string ("other/tensors,framerate=(fraction)") + rate;
  }
  SpeechHarness (const SpeechHarness &) = delete;
  SpeechHarness &operator= (const SpeechHarness &) = delete;

  ~SpeechHarness ()
  {
    if (h != nullptr)
      gst_harness_teardown (h);
    else
      gst_element_set_state (bin, GST_STATE_NULL);
    gst_element_set_bus (bin, nullptr);
    gst_clear_object (&features);
    gst_clear_object (&latents);
    gst_object_unref (bin);
    gst_object_unref (bus);
  }

  // Plays, with upstream's caps set.
  void start (const char *caps = SPEECH_CAPS)
  {
    if (h == nullptr)
      h = gst_harness_new_with_element (bin, "sink", "src");
    if (!sink_caps.empty ())
      gst_harness_set_sink_caps_str (h, sink_caps.c_str ());
    gst_harness_set_src_caps_str (h, caps);
    gst_harness_play (h);
  }

  // Samples at `pts`.
  GstFlowReturn push_at (GstClockTime pts, const std::vector<float> &samples,
                         guint flags = 0)
  {
    GstBuffer *buffer =
        gst_buffer_new_memdup (samples.data (), samples.size () * sizeof (float));
    GST_BUFFER_PTS (buffer) = pts;
    GST_BUFFER_FLAG_SET (buffer, flags);
    return gst_harness_push (h, buffer);
  }

  // Samples that follow what was pushed with this function before.
  GstFlowReturn push (const std::vector<float> &samples)
  {
    const GstClockTime pts = gst_util_uint64_scale (pushed, GST_SECOND, test_rate);
    pushed += samples.size ();
    return push_at (pts, samples);
  }

  bool push_event (GstEvent *event) { return gst_harness_push_event (h, event); }
  void eos () { push_event (gst_event_new_eos ()); }

  void push_segment (GstClockTime start, gdouble rate = 1)
  {
    GstSegment segment;
    gst_segment_init (&segment, GST_FORMAT_TIME);
    segment.rate = rate;
    segment.start = segment.position = segment.time = start;
    push_event (gst_event_new_segment (&segment));
  }

  // Everything that has come out since the last call.
  std::vector<TestFrame> take ()
  {
    std::vector<TestFrame> frames;
    while (GstBuffer *buffer = gst_harness_try_pull (h))
      frames.push_back (take_frame (buffer));
    return frames;
  }

  GstBus *bus;
  GstElement *bin = nullptr;
  GstElement *features = nullptr, *latents = nullptr;
  GstHarness *h = nullptr;
  std::string sink_caps;
  guint64 pushed = 0; // samples
};

// Speech whose sample n is n / 1e6: a mean tells where it was taken.
inline std::vector<float>
ramp (guint64 count, guint64 first = 0)
{
  std::vector<float> samples (count);
  for (guint64 i = 0; i < count; i++)
    samples[i] = (float)(first + i) * 1e-6f;
  return samples;
}

// ceil (samples / 16000 * num / den).
inline guint64
frames_of (guint64 samples, guint64 num, guint64 den)
{
  return (samples * num + test_rate * den - 1) / (test_rate * den);
}
