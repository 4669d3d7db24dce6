// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/sound.h"

#include <filesystem>
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>

#include "models/engine.h"
#include "models/studio/gst_errors.h"
#include "models/studio/gst_launch.h"

namespace daetalker {

namespace {

constexpr GstClockTime pull_interval = 100 * GST_MSECOND;
constexpr int most_pulls = 600; // without sound

constexpr const char *reading =
    "filesrc name=file ! decodebin expose-all-streams=false caps=audio/x-raw ! "
    "audioconvert ! audioresample ! "
    "audio/x-raw,format=S16LE,rate=16000,channels=1 ! "
    "appsink name=samples sync=false max-buffers=64";

constexpr const char *shifting =
    "appsrc name=speech format=time "
    "caps=audio/x-raw,format=S16LE,rate=16000,channels=1,layout=interleaved ! "
    "audioconvert ! pitch name=pitch ! audioconvert dithering=none ! "
    "audio/x-raw,format=S16LE ! "
    "appsink name=samples sync=false";

constexpr const char *readable = "Give a sound file that gst-discoverer-1.0 can read";

[[noreturn]] void
refuse (const std::string &path, const std::string &reason,
        const std::string &remedy = readable)
{
  throw Error (ErrorCode::unreadable, path, reason, remedy);
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

// Set to NULL before it goes.
class Pipeline {
public:
  // `remedy`: what to do where it fails.
  Pipeline (const char *description, const std::string &subject,
            const std::string &remedy)
      : pipeline_ (launch_pipeline (description, subject)), subject_ (subject),
        remedy_ (remedy)
  {
  }
  ~Pipeline () { gst_element_set_state (pipeline_.get (), GST_STATE_NULL); }

  GstElementPointer element (const char *name) const
  {
    return element_of (pipeline_, name);
  }

  void play () const { gst_element_set_state (pipeline_.get (), GST_STATE_PLAYING); }

  // All that arrives at the element `samples`.
  std::vector<std::int16_t> collect () const;

private:
  const GstElementPointer pipeline_;
  const std::string subject_, remedy_;
};

std::vector<std::int16_t>
Pipeline::collect () const
{
  const GstBusPointer bus (gst_element_get_bus (pipeline_.get ()));
  const GstElementPointer sink = element ("samples");
  GstAppSink *samples_out = GST_APP_SINK (sink.get ());
  std::vector<std::int16_t> samples;
  for (int stalled = 0; stalled < most_pulls; stalled++) {
    const bool ended = gst_app_sink_is_eos (samples_out);
    const GstSamplePointer sample (
        ended ? nullptr : gst_app_sink_try_pull_sample (samples_out, pull_interval));
    // What fails before the sound is found does not end the stream.
    const GstMessagePointer failure (
        gst_bus_pop_filtered (bus.get (), GST_MESSAGE_ERROR));
    if (failure)
      refuse (subject_, reason_of (*error_of (failure.get ())), remedy_);
    if (ended)
      return samples;
    if (!sample)
      continue;
    stalled = 0;
    append (sample.get (), samples);
  }
  refuse (subject_, "nothing came for a minute", remedy_);
}

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
  const Pipeline pipeline (reading, path, readable);
  g_object_set (pipeline.element ("file").get (), "location", path.c_str (), nullptr);
  pipeline.play ();
  return pipeline.collect ();
}

std::vector<std::int16_t>
shift_pitch (const std::vector<std::int16_t> &speech, double factor)
{
  const Pipeline pipeline (shifting, "speech at another pitch",
                           "Train with --augmentations 0");
  g_object_set (pipeline.element ("pitch").get (), "pitch", gfloat (factor), nullptr);
  const GstElementPointer source = pipeline.element ("speech");
  pipeline.play ();
  gst_app_src_push_buffer (
      GST_APP_SRC (source.get ()),
      gst_buffer_new_memdup (speech.data (), speech.size () * sizeof (speech[0])));
  gst_app_src_end_of_stream (GST_APP_SRC (source.get ()));
  std::vector<std::int16_t> shifted = pipeline.collect ();
  shifted.resize (speech.size ());
  return shifted;
}

} // namespace daetalker
