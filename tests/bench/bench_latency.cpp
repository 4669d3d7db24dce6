// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The measuring side of run-latency: how long after speech begins does the face change?
//
//   bench_latency ROUNDS SPEECH.f32 [PROPERTY=VALUE...]
//
// A live pipeline, appsrc ! daetalkerbin ! appsink, hears SPEECH (mono float32, 16 kHz,
// from its first sample on) ROUNDS times, 2 s of silence before each, in pieces of 10 ms
// as a sound card gives them.  Prints a line for each round: milliseconds from the moment
// at which the first sample was heard to that at which the first frame that differs is
// shown, and the pipeline's latency then.  The face stands still in silence (no blinks, no
// sway), so a frame differs if it is further from the one at the speech's begin than
// twice what silent frames are from each other, and half a grey level.
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr int rate = 16000, piece = 160;
constexpr GstClockTime silence = 2 * GST_SECOND;

struct Shown {
  GstClockTime when; // running time
  std::vector<guint8> pixels;
};

double
difference (const Shown &a, const Shown &b)
{
  double sum = 0;
  for (gsize i = 0; i < a.pixels.size (); i++)
    sum += std::abs (int (a.pixels[i]) - int (b.pixels[i]));
  return sum / double (a.pixels.size ());
}

class Face {
public:
  explicit Face (const std::string &properties)
  {
    const std::string line =
        "appsrc name=in is-live=true format=time min-latency=10000000 "
        "caps=audio/x-raw,format=F32LE,rate=16000,channels=1,layout=interleaved ! "
        "daetalkerbin blink-rate=0 idle-motion=0 " +
        properties + " ! video/x-raw,format=I420 ! appsink name=out sync=true";
    GError *error = nullptr;
    pipeline_ = gst_parse_launch (line.c_str (), &error);
    if (error != nullptr)
      throw std::runtime_error (error->message);
    in_ = gst_bin_get_by_name (GST_BIN (pipeline_), "in");
    out_ = gst_bin_get_by_name (GST_BIN (pipeline_), "out");
    GstAppSinkCallbacks callbacks{};
    callbacks.new_sample = take;
    gst_app_sink_set_callbacks (GST_APP_SINK (out_), &callbacks, this, nullptr);
  }

  ~Face ()
  {
    gst_element_set_state (pipeline_, GST_STATE_NULL);
    gst_object_unref (in_);
    gst_object_unref (out_);
    gst_object_unref (pipeline_);
  }

  void play ()
  {
    gst_element_set_state (pipeline_, GST_STATE_PLAYING);
    gst_element_get_state (in_, nullptr, nullptr, 30 * GST_SECOND);
  }

  // Says `samples` in real time, from now on.
  void hear (const std::vector<float> &samples)
  {
    if (heard_ == GST_CLOCK_TIME_NONE)
      heard_ = now ();
    for (gsize i = 0; i < samples.size (); i += piece) {
      const gsize count = std::min<gsize> (piece, samples.size () - i);
      const GstClockTime length = gst_util_uint64_scale (count, GST_SECOND, rate);
      while (now () < heard_ + length) // a piece is there when it has been spoken
        std::this_thread::sleep_for (std::chrono::milliseconds (1));
      GstBuffer *buffer =
          gst_buffer_new_memdup (samples.data () + i, count * sizeof (float));
      GST_BUFFER_PTS (buffer) = heard_;
      GST_BUFFER_DURATION (buffer) = length;
      heard_ += length;
      if (gst_app_src_push_buffer (GST_APP_SRC (in_), buffer) != GST_FLOW_OK)
        throw std::runtime_error ("the pipeline has stopped");
    }
  }

  GstClockTime heard () const { return heard_; }

  // What has been shown since the last call.
  std::vector<Shown> take_shown ()
  {
    const std::lock_guard lock (mutex_);
    return std::exchange (shown_, {});
  }

  GstClockTime latency () const
  {
    GstQuery *query = gst_query_new_latency ();
    GstClockTime least = 0;
    if (gst_element_query (pipeline_, query))
      gst_query_parse_latency (query, nullptr, &least, nullptr);
    gst_query_unref (query);
    return least;
  }

private:
  GstClockTime now () const { return gst_element_get_current_running_time (pipeline_); }

  static GstFlowReturn take (GstAppSink *sink, gpointer data)
  {
    Face *self = (Face *)data;
    GstSample *sample = gst_app_sink_pull_sample (sink);
    if (sample == nullptr)
      return GST_FLOW_EOS;
    GstMapInfo map;
    if (gst_buffer_map (gst_sample_get_buffer (sample), &map, GST_MAP_READ)) {
      const std::lock_guard lock (self->mutex_);
      self->shown_.push_back ({self->now (), {map.data, map.data + map.size}});
      gst_buffer_unmap (gst_sample_get_buffer (sample), &map);
    }
    gst_sample_unref (sample);
    return GST_FLOW_OK;
  }

  GstElement *pipeline_, *in_, *out_;
  GstClockTime heard_ = GST_CLOCK_TIME_NONE; // up to here
  std::mutex mutex_;
  std::vector<Shown> shown_;
};

// Running time at which the first frame after `begin` differs from those before.
GstClockTime
first_change (const std::vector<Shown> &shown, GstClockTime begin)
{
  const auto after = std::find_if (shown.begin (), shown.end (),
                                   [&] (const Shown &frame) { return frame.when > begin; });
  if (after - shown.begin () < 10)
    return GST_CLOCK_TIME_NONE;
  const Shown &still = *(after - 1);
  double stir = 0;
  for (auto frame = after - 10; frame < after - 1; frame++)
    stir = std::max (stir, difference (*frame, still));
  const auto changed = std::find_if (after, shown.end (), [&] (const Shown &frame) {
    return difference (frame, still) > 2 * stir + 0.5;
  });
  return changed == shown.end () ? GST_CLOCK_TIME_NONE : changed->when;
}

std::vector<float>
read_samples (const std::string &path)
{
  std::ifstream file (path, std::ios::binary);
  const std::string bytes (std::istreambuf_iterator<char> (file), {});
  std::vector<float> samples (bytes.size () / sizeof (float));
  std::copy_n (bytes.data (), samples.size () * sizeof (float), (char *)samples.data ());
  if (samples.empty ())
    throw std::runtime_error (path + " holds no samples");
  return samples;
}

void
measure (int rounds, const std::vector<float> &speech, const std::string &properties)
{
  Face face (properties);
  face.play ();
  const std::vector<float> pause (
      gst_util_uint64_scale (silence, rate, GST_SECOND));
  for (int round = 0; round < rounds; round++) {
    face.take_shown ();
    face.hear (pause);
    const GstClockTime begin = face.heard ();
    face.hear (speech);
    face.hear (std::vector<float> (rate / 2));
    const GstClockTime changed = first_change (face.take_shown (), begin);
    if (changed == GST_CLOCK_TIME_NONE)
      throw std::runtime_error ("the face did not change; is the speech silent?");
    std::printf ("%.1f %.1f\n", double (changed - begin) / GST_MSECOND,
                 double (face.latency ()) / GST_MSECOND);
    std::fflush (stdout);
  }
}

} // namespace

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  if (argc < 3) {
    std::cerr << "usage: bench_latency ROUNDS SPEECH.f32 [PROPERTY=VALUE...]\n";
    return 2;
  }
  std::string properties;
  for (int i = 3; i < argc; i++)
    properties += std::string (argv[i]) + " ";
  try {
    measure (std::stoi (argv[1]), read_samples (argv[2]), properties);
  } catch (const std::exception &error) {
    std::cerr << "bench_latency: " << error.what () << '\n';
    return 1;
  }
  return 0;
}
