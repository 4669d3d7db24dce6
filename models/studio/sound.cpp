// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/sound.h"

#include <filesystem>
#include <gst/app/gstappsink.h>

#include "models/engine.h"
#include "models/studio/gst_errors.h"

namespace daetalker {

namespace {

constexpr GstClockTime poll_interval = 100 * GST_MSECOND;
constexpr int stall_limit = 600; // intervals

constexpr const char *description =
    "filesrc name=file ! decodebin expose-all-streams=false caps=audio/x-raw ! "
    "audioconvert ! audioresample ! "
    "audio/x-raw,format=S16LE,rate=16000,channels=1 ! "
    "appsink name=samples sync=false max-buffers=64";

[[noreturn]] void
refuse (const std::string &path, const std::string &reason)
{
  throw Error (ErrorCode::unreadable, path, reason,
               "Give a sound file that gst-discoverer-1.0 can read");
}

void
append (GstSample *sample, std::vector<std::int16_t> &samples)
{
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  GstMapInfo map;
  if (!gst_buffer_map (buffer, &map, GST_MAP_READ))
    return;
  const auto *begin = reinterpret_cast<const std::int16_t *> (map.data);
  samples.insert (samples.end (), begin, begin + map.size / sizeof (*begin));
  gst_buffer_unmap (buffer, &map);
}

struct Stopped {
  void operator() (GstElement *pipeline) const
  {
    gst_element_set_state (pipeline, GST_STATE_NULL);
    gst_object_unref (pipeline);
  }
};

} // namespace

std::vector<std::int16_t>
read_sound (const std::string &path)
{
  if (!std::filesystem::exists (path))
    throw Error (ErrorCode::not_found, path, "there is no such file", "Correct the path");
  if (std::filesystem::is_directory (path))
    refuse (path, "it is a folder");
  if (!std::filesystem::is_regular_file (path)) // which may wait for a writer for ever
    refuse (path, "it is no regular file");
  GError *problem = nullptr;
  const std::unique_ptr<GstElement, Stopped> pipeline (
      gst_parse_launch (description, &problem));
  const GErrorPointer missing (problem);
  if (missing)
    throw Error (ErrorCode::not_found, "GStreamer", missing->message,
                 "Install gstreamer1.0-plugins-base and gstreamer1.0-plugins-good");
  const GstElementPointer source (
      gst_bin_get_by_name (GST_BIN (pipeline.get ()), "file"));
  const GstElementPointer sink (
      gst_bin_get_by_name (GST_BIN (pipeline.get ()), "samples"));
  g_object_set (source.get (), "location", path.c_str (), nullptr);
  gst_element_set_state (pipeline.get (), GST_STATE_PLAYING);

  const GstBusPointer bus (gst_element_get_bus (pipeline.get ()));
  GstAppSink *samples_out = GST_APP_SINK (sink.get ());
  std::vector<std::int16_t> samples;
  for (int stalled = 0; stalled < stall_limit; stalled++) {
    const bool ended = gst_app_sink_is_eos (samples_out);
    const GstSamplePointer sample (
        ended ? nullptr : gst_app_sink_try_pull_sample (samples_out, poll_interval));
    // What fails before the sound is found does not end the stream.
    const GstMessagePointer failure (
        gst_bus_pop_filtered (bus.get (), GST_MESSAGE_ERROR));
    if (failure)
      refuse (path, reason_of (*error_of (failure.get ())));
    if (ended)
      return samples;
    if (!sample)
      continue;
    stalled = 0;
    append (sample.get (), samples);
  }
  refuse (path, "nothing was decoded for a minute");
}

} // namespace daetalker
