// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/sound.h"

#include <filesystem>
#include <gst/app/gstappsink.h>

#include "models/engine.h"
#include "models/studio/gst_pointers.h"

namespace daetalker {

namespace {

constexpr const char *description =
    "filesrc name=file ! decodebin ! audioconvert ! audioresample ! "
    "audio/x-raw,format=S16LE,rate=16000,channels=1 ! "
    "appsink name=samples sync=false max-buffers=64";

[[noreturn]] void
refuse (const std::string &path, const std::string &reason)
{
  throw Error (ErrorCode::unreadable, path, reason,
               "Give a sound file that gst-discoverer-1.0 can read");
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

  std::vector<std::int16_t> samples;
  while (GstSample *pulled = gst_app_sink_pull_sample (GST_APP_SINK (sink.get ()))) {
    const GstSamplePointer sample (pulled);
    GstMapInfo map;
    if (!gst_buffer_map (gst_sample_get_buffer (pulled), &map, GST_MAP_READ))
      continue;
    const auto *begin = reinterpret_cast<const std::int16_t *> (map.data);
    samples.insert (samples.end (), begin, begin + map.size / sizeof (*begin));
    gst_buffer_unmap (gst_sample_get_buffer (pulled), &map);
  }
  const GstBusPointer bus (gst_element_get_bus (pipeline.get ()));
  const GstMessagePointer failure (gst_bus_pop_filtered (bus.get (), GST_MESSAGE_ERROR));
  if (failure) {
    GError *error = nullptr;
    gst_message_parse_error (failure.get (), &error, nullptr);
    const GErrorPointer reason (error);
    refuse (path, reason->message);
  }
  return samples;
}

} // namespace daetalker
