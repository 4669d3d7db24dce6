// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/video_pipeline.h"

#include "models/engine.h"
#include "models/studio/gst_errors.h"
#include "models/studio/gst_launch.h"
#include "models/studio/media.h"

#include <algorithm>
#include <cstdio>

namespace daetalker {

namespace {

constexpr GstClockTime poll_interval = GST_SECOND;
constexpr int stall_limit = 600; // intervals: a slow machine loads an avatar for minutes

// What waits for the video encoder's look-ahead is sound, hence its endless queue;
// at 48 kHz an AAC packet is shorter than a frame of video.
std::string
description (const std::string &aac)
{
  return "filesrc name=file ! decodebin name=decoder expose-all-streams=false "
         "caps=audio/x-raw "
         "daetalkerbin name=face "
         "mp4mux name=mux ! filesink name=out "
         "face.src ! queue ! videoconvert ! video/x-raw,format=I420 ! "
         "x264enc name=video speed-preset=veryfast ! "
         "queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! mux. "
         "face.audio_src ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! "
         "audioconvert ! audioresample ! audio/x-raw,rate=48000,channels=[1,2] ! " +
         aac + " ! mux.";
}

struct Link {
  GstElement *face;
  bool has_sound = false;
};

void
on_pad (GstElement *, GstPad *pad, gpointer data)
{
  auto *link = static_cast<Link *> (data);
  GstPadPointer sink (gst_element_get_static_pad (link->face, "sink"));
  if (gst_pad_is_linked (sink.get ()))
    return;
  link->has_sound = true;
  gst_pad_link (pad, sink.get ());
}

[[noreturn]] void
fail (GstMessage *message, const VideoRequest &request, bool from_decoder)
{
  const std::string reason = reason_of (*error_of (message));
  if (from_decoder)
    throw Error (ErrorCode::unreadable, request.audio, reason,
                 "Give a sound file that `gst-play-1.0` plays");
  throw Error (ErrorCode::failed, request.audio, reason,
               "`daetalker info` says what works here");
}

class VideoPipeline {
public:
  explicit VideoPipeline (const VideoRequest &request);
  ~VideoPipeline ();
  VideoResult run (const std::function<void (double)> &on_progress);

private:
  GstElementPointer element (const char *name) const
  {
    return element_of (pipeline_, name);
  }
  bool in_decoder (GstMessage *message) const;
  double position () const;
  guint64 rendered () const;

  VideoRequest request_;
  std::string temporary_;
  GstElementPointer pipeline_;
  GstElementPointer face_;
  Link link_{};
};

VideoPipeline::VideoPipeline (const VideoRequest &request)
    : request_ (request), temporary_ (request.output + ".part")
{
  const std::string aac = find_aac_encoder ();
  if (aac.empty ())
    throw Error (ErrorCode::not_found, "AAC encoder", "none is installed",
                 "Install gstreamer1.0-libav");
  pipeline_ = launch_pipeline (description (aac), "render pipeline");
  face_ = element ("face");
  link_.face = face_.get ();
  g_object_set (element ("file").get (), "location", request.audio.c_str (), nullptr);
  g_object_set (element ("out").get (), "location", temporary_.c_str (), nullptr);
  g_object_set (face_.get (), "batch", TRUE, "steps", request.steps, "allow-unconsented",
                gboolean (request.allow_unconsented), nullptr);
  if (!request.avatar.empty ())
    g_object_set (face_.get (), "avatar", request.avatar.c_str (), nullptr);
  ignore_clock_jumps (pipeline_.get ());
  g_signal_connect (element ("decoder").get (), "pad-added", G_CALLBACK (on_pad), &link_);
}

VideoPipeline::~VideoPipeline ()
{
  gst_element_set_state (pipeline_.get (), GST_STATE_NULL);
  std::remove (temporary_.c_str ());
}

bool
VideoPipeline::in_decoder (GstMessage *message) const
{
  const GstElementPointer decoder = element ("decoder"), file = element ("file");
  GstObject *source = GST_MESSAGE_SRC (message);
  return source == GST_OBJECT (file.get ()) ||
         gst_object_has_as_ancestor (source, GST_OBJECT (decoder.get ())) ||
         source == GST_OBJECT (decoder.get ());
}

double
VideoPipeline::position () const
{
  gint64 now = 0;
  const GstElementPointer encoder = element ("video");
  if (!gst_element_query_position (encoder.get (), GST_FORMAT_TIME, &now))
    return 0;
  return std::max<double> (0, double (now)) / GST_SECOND;
}

// Frames.
guint64
VideoPipeline::rendered () const
{
  GstStructure *stats = nullptr;
  g_object_get (face_.get (), "stats", &stats, nullptr);
  guint64 count = 0;
  gst_structure_get_uint64 (stats, "rendered", &count);
  gst_structure_free (stats);
  return count;
}

VideoResult
VideoPipeline::run (const std::function<void (double)> &on_progress)
{
  GstBusPointer bus (gst_element_get_bus (pipeline_.get ()));
  const auto kinds = static_cast<GstMessageType> (GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  gst_element_set_state (pipeline_.get (), GST_STATE_PLAYING);
  VideoResult result;
  for (int stalled = 0; stalled < stall_limit;) {
    GstMessagePointer message (
        gst_bus_timed_pop_filtered (bus.get (), poll_interval, kinds));
    const double seconds = position ();
    stalled = seconds > result.seconds ? 0 : stalled + 1;
    result.seconds = std::max (result.seconds, seconds);
    if (!message) {
      on_progress (result.seconds);
      continue;
    }
    if (GST_MESSAGE_TYPE (message.get ()) == GST_MESSAGE_ERROR) {
      const bool decoder = in_decoder (message.get ());
      if (decoder && !link_.has_sound)
        throw Error (ErrorCode::wrong_model, request_.audio,
                     "it holds no sound that GStreamer decodes",
                     "Give a file with speech");
      fail (message.get (), request_, decoder);
    }
    if (!link_.has_sound)
      throw Error (ErrorCode::wrong_model, request_.audio, "it holds no sound",
                   "Give a file with speech");
    if (rendered () == 0)
      throw Error (ErrorCode::wrong_model, request_.audio, "its sound has no samples",
                   "Give a file with speech");
    gst_element_set_state (pipeline_.get (), GST_STATE_NULL);
    if (std::rename (temporary_.c_str (), request_.output.c_str ()) != 0)
      throw Error (ErrorCode::failed, request_.output, "it could not be given its name",
                   "Check the rights of the folder");
    return result;
  }
  throw Error (ErrorCode::failed, request_.audio, "the pipeline stands still",
               "Run it again with GST_DEBUG=3 and look at what is said last");
}

} // namespace

std::string
find_aac_encoder ()
{
  for (const char *name : {"fdkaacenc", "avenc_aac", "voaacenc", "faac"}) {
    GstElementFactory *factory = gst_element_factory_find (name);
    if (factory) {
      gst_object_unref (factory);
      return name;
    }
  }
  return "";
}

VideoResult
make_video (const VideoRequest &request, const std::function<void (double)> &on_progress)
{
  return VideoPipeline (request).run (on_progress);
}

} // namespace daetalker
