// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-daetalkerbin
 * @title: daetalkerbin
 * @short_description: speech in, a talking face out
 *
 * speechfeatures, speech2latent and daerender with the converters and queues that
 * they want.  `sink` takes any raw audio, `src` gives video at the frame rate that
 * downstream asks for (the avatar's own if it does not care).  The request pad
 * `audio_src` gives the audio as it came in; its queue holds as much of it as the face
 * needs to be ready, so that both can be played in sync.
 * The request pad `pose` goes to speech2latent's.
 *
 * The action signal `rest` is for interruptions, as of a voice agent whose user begins to
 * speak: what has come in so far is not spoken any more.  The face goes to rest within
 * three frames, `audio_src` is silent, and both go on with the sound that comes
 * afterwards.
 *
 * Where a live source stops sending, the face idles after `idle-after` milliseconds, as
 * in silence, and goes on with the sound that comes again; what comes of a time that has
 * gone by is left out.  `audio_src` gives what there is.
 *
 * The properties of the parts are the bin's.  Those that GstController may move
 * (`yaw`, `pitch`, `roll`, ...) may be moved on the bin as well.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 filesrc location=speech.wav ! decodebin ! daetalkerbin ! videoconvert !
 * autovideosink
 * ]|
 * |[
 * gst-launch-1.0 filesrc location=speech.wav ! decodebin ! daetalkerbin name=t t.src !
 * videoconvert ! x264enc ! mp4mux name=m ! filesink location=face.mp4 t.audio_src !
 * audioconvert ! avenc_aac ! m.
 * ]|
 * |[
 * gst-launch-1.0 autoaudiosrc ! daetalkerbin name=t t.src ! videoconvert ! autovideosink
 * t.audio_src ! autoaudiosink
 * ]|
 */
#include "gstdaetalkerbin.h"

#include <gst/audio/audio.h>

#include <memory>
#include <mutex>
#include <string>

#include "avatarsettings.h"
#include "bargein.h"
#include "forwardedproperties.h"
#include "gstdaerender.h"
#include "gstspeech2latent.h"
#include "gstspeechfeatures.h"
#include "latentavatar.h"
#include "livesilence.h"
#include "rendermodel.h"
#include "streamtime.h"
#include "tensorcaps.h"
#include "videoview.h"

GST_DEBUG_CATEGORY_STATIC (gst_dae_talker_bin_debug);
#define GST_CAT_DEFAULT gst_dae_talker_bin_debug

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE (
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS ("audio/x-raw"));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (DAETALKER_VIDEO_CAPS));
static GstStaticPadTemplate audio_src_template = GST_STATIC_PAD_TEMPLATE (
    "audio_src", GST_PAD_SRC, GST_PAD_REQUEST, GST_STATIC_CAPS ("audio/x-raw"));
static GstStaticPadTemplate pose_template = GST_STATIC_PAD_TEMPLATE (
    "pose", GST_PAD_SINK, GST_PAD_REQUEST, GST_STATIC_CAPS (DAETALKER_FEATURES_CAPS));

enum {
  PROP_LATENCY = 1,
  PROP_STATS,
  PROP_IDLE_AFTER,
  PROP_FIRST_FORWARDED,
};

enum {
  SIGNAL_REST,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static const gchar *const own_properties[] = {"latency", "stats", "idle-after", nullptr};

namespace {

// Pictures that may wait for the renderer, and for the viewer: a picture is drawn once
// its latent is there, not once the one before it has been shown.
constexpr guint latent_queue_buffers = 3;
constexpr guint picture_queue_buffers = 2;

void
hold_buffers (GstElement *queue, guint count)
{
  g_object_set (queue, "max-size-buffers", count, "max-size-bytes", 0, "max-size-time",
                (guint64)0, nullptr);
}

struct Private {
  // From init to finalize; owned by the bin.
  GstElement *tee = nullptr;
  GstElement *speech_queue = nullptr;
  GstElement *features = nullptr;
  GstElement *latents = nullptr;
  GstElement *render = nullptr;
  std::string missing; // factories that the installation lacks

  // While the pad audio_src exists, under the object lock.
  GstElement *audio_queue = nullptr;
  GstPad *tee_pad = nullptr;

  BargeIn barge_in;
  std::unique_ptr<LiveSilence> silence; // from init to dispose

  std::mutex change_mutex;
  guint64 changes = 0; // of the avatar in a running stream

  // The last one first: it must know a new avatar before its latents come.
  std::vector<GstElement *> parts () const { return {render, latents, features}; }
};

} // namespace

struct _GstDaeTalkerBin {
  GstBin parent;
  Private *priv;
};

G_DEFINE_FINAL_TYPE_WITH_CODE (GstDaeTalkerBin, gst_dae_talker_bin, GST_TYPE_BIN,
                               G_IMPLEMENT_INTERFACE (GST_TYPE_PRESET, nullptr))
GST_ELEMENT_REGISTER_DEFINE (daetalkerbin, "daetalkerbin", GST_RANK_NONE,
                             GST_TYPE_DAE_TALKER_BIN)

#define parent_class gst_dae_talker_bin_parent_class

// ---- latency -----------------------------------------------------------------

static GstClockTime
part_latency (GstElement *part)
{
  guint64 latency = 0;
  g_object_get (part, "latency", &latency, nullptr);
  return latency;
}

static GstClockTime
sum_latency (Private *priv)
{
  GstClockTime sum = 0;
  for (GstElement *part : priv->parts ())
    sum += part_latency (part);
  return sum;
}

// The speech that waits for the face must not keep the tee from feeding audio_src, or
// a live pipeline never starts.
static void
size_speech_queue (GstDaeTalkerBin *self)
{
  Private *priv = self->priv;
  if (!priv->missing.empty ())
    return;
  GstClockTime time = 2 * sum_latency (priv) + 200 * GST_MSECOND;
  // One pass over everything up to the end of the stream.
  if (GST_STATE (self) > GST_STATE_NULL && part_latency (priv->features) == 0)
    time = 0;

  GST_DEBUG_OBJECT (self, "speech_queue holds %" GST_TIME_FORMAT, GST_TIME_ARGS (time));
  g_object_set (priv->speech_queue, "max-size-time", (guint64)time, nullptr);
}

static void
gst_dae_talker_bin_handle_message (GstBin *bin, GstMessage *message)
{
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_LATENCY)
    size_speech_queue (GST_DAE_TALKER_BIN (bin));
  GST_BIN_CLASS (parent_class)->handle_message (bin, message);
}

// ---- rest --------------------------------------------------------------------

static GstClockTime
running_time (GstPad *pad, GstClockTime time)
{
  g_autoptr (GstEvent) event = gst_pad_get_sticky_event (pad, GST_EVENT_SEGMENT, 0);
  if (event == nullptr)
    return GST_CLOCK_TIME_NONE;
  const GstSegment *segment = nullptr;
  gst_event_parse_segment (event, &segment);
  return segment->format == GST_FORMAT_TIME
             ? gst_segment_to_running_time (segment, GST_FORMAT_TIME, time)
             : GST_CLOCK_TIME_NONE;
}

// One by one, so that what follows sees each.
static GstPadProbeReturn
take_list_apart (GstPad *sink, GstPadProbeInfo *info)
{
  g_autoptr (GstBufferList) list = GST_PAD_PROBE_INFO_BUFFER_LIST (info);
  info->data = nullptr;
  GstFlowReturn flow = GST_FLOW_OK;
  for (guint i = 0; i < gst_buffer_list_length (list) && flow == GST_FLOW_OK; i++)
    flow = gst_pad_chain (sink, gst_buffer_ref (gst_buffer_list_get (list, i)));
  GST_PAD_PROBE_INFO_FLOW_RETURN (info) = flow;
  return GST_PAD_PROBE_HANDLED;
}

// What an appsrc sends often says only when it begins.
static GstBuffer *
with_duration (GstBuffer *buffer, GstPad *pad)
{
  if (GST_BUFFER_DURATION_IS_VALID (buffer))
    return buffer;
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);
  GstAudioInfo format;
  if (caps == nullptr || !gst_audio_info_from_caps (&format, caps))
    return buffer;
  buffer = gst_buffer_make_writable (buffer);
  GST_BUFFER_DURATION (buffer) = gst_util_uint64_scale (
      gst_buffer_get_size (buffer) / format.bpf, GST_SECOND, format.rate);
  return buffer;
}

// Where the sound comes in.
static GstPadProbeReturn
note_sound (GstPad *sink, GstPadProbeInfo *info, gpointer bin)
{
  BargeIn &barge_in = GST_DAE_TALKER_BIN (bin)->priv->barge_in;
  if (info->type & GST_PAD_PROBE_TYPE_EVENT_FLUSH) {
    if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_FLUSH_STOP)
      barge_in.clear ();
    return GST_PAD_PROBE_OK;
  }
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER_LIST)
    return take_list_apart (sink, info);
  GstBuffer *buffer = with_duration (GST_PAD_PROBE_INFO_BUFFER (info), sink);
  info->data = buffer;
  if (GST_BUFFER_PTS_IS_VALID (buffer) && GST_BUFFER_DURATION_IS_VALID (buffer))
    barge_in.hear (
        running_time (sink, GST_BUFFER_PTS (buffer) + GST_BUFFER_DURATION (buffer)));
  return GST_PAD_PROBE_OK;
}

// Where it goes out: sound that is not to be spoken becomes silence.
static GstPadProbeReturn
silence_sound (GstPad *src, GstPadProbeInfo *info, gpointer bin)
{
  const GstClockTime until = GST_DAE_TALKER_BIN (bin)->priv->barge_in.until ();
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  if (until == 0 || !GST_BUFFER_PTS_IS_VALID (buffer))
    return GST_PAD_PROBE_OK;
  const GstClockTime time = running_time (src, GST_BUFFER_PTS (buffer));
  if (!GST_CLOCK_TIME_IS_VALID (time) || time >= until)
    return GST_PAD_PROBE_OK;
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (src);
  GstAudioInfo format;
  GstMapInfo map;
  if (caps == nullptr || !gst_audio_info_from_caps (&format, caps))
    return GST_PAD_PROBE_OK;
  buffer = gst_buffer_make_writable (buffer);
  GST_PAD_PROBE_INFO_DATA (info) = buffer;
  if (gst_buffer_map (buffer, &map, GST_MAP_WRITE)) {
    gst_audio_format_info_fill_silence (format.finfo, map.data, map.size);
    gst_buffer_unmap (buffer, &map);
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_GAP);
  }
  return GST_PAD_PROBE_OK;
}

// The action signal.
static void
gst_dae_talker_bin_rest (GstDaeTalkerBin *self)
{
  Private *priv = self->priv;
  gst_speech2latent_rest (GST_SPEECH2LATENT (priv->latents), priv->barge_in.interrupt ());
}

// ---- pads --------------------------------------------------------------------

// Sound that nobody takes must not end the stream: the picture goes on.
static GstPadProbeReturn
drop_if_unlinked (GstPad *queue_src, GstPadProbeInfo *info, gpointer user_data)
{
  (void)info;
  (void)user_data;
  g_autoptr (GstPad) inner = gst_pad_get_peer (queue_src);
  if (inner == nullptr)
    return GST_PAD_PROBE_DROP;
  g_autoptr (GstProxyPad) ghost = gst_proxy_pad_get_internal (GST_PROXY_PAD (inner));
  return ghost != nullptr && gst_pad_is_linked (GST_PAD (ghost)) ? GST_PAD_PROBE_OK
                                                                 : GST_PAD_PROBE_DROP;
}

static GstPad *
request_audio_src (GstDaeTalkerBin *self, GstPadTemplate *templ)
{
  Private *priv = self->priv;
  GST_OBJECT_LOCK (self);
  const bool exists = priv->audio_queue != nullptr;
  GST_OBJECT_UNLOCK (self);
  if (exists) {
    GST_WARNING_OBJECT (self, "there is an audio_src already; put a tee behind it");
    return nullptr;
  }

  GstElement *queue = gst_element_factory_make ("queue", "audio_queue");
  // No limit: how far the sound runs ahead is what the face needs and what comes
  // behind it (an encoder looks seconds ahead); speech_queue's limit bounds it.
  g_object_set (queue, "max-size-buffers", 0, "max-size-bytes", 0, "max-size-time",
                (guint64)0, nullptr);
  gst_bin_add (GST_BIN (self), queue);
  GstPad *tee_pad = gst_element_request_pad_simple (priv->tee, "src_%u");
  GST_OBJECT_LOCK (self);
  priv->audio_queue = queue;
  priv->tee_pad = tee_pad;
  GST_OBJECT_UNLOCK (self);

  g_autoptr (GstPad) queue_src = gst_element_get_static_pad (queue, "src");
  gst_pad_add_probe (
      queue_src,
      GstPadProbeType (GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST),
      drop_if_unlinked, nullptr, nullptr);
  gst_pad_add_probe (queue_src, GST_PAD_PROBE_TYPE_BUFFER, silence_sound, self, nullptr);
  GstPad *pad = gst_ghost_pad_new_from_template ("audio_src", queue_src, templ);
  gst_pad_set_active (pad, TRUE);
  gst_element_add_pad (GST_ELEMENT (self), pad);
  // Data flows from here on.
  gst_element_sync_state_with_parent (queue);
  g_autoptr (GstPad) queue_sink = gst_element_get_static_pad (queue, "sink");
  gst_pad_link (tee_pad, queue_sink);
  return pad;
}

static GstPad *
request_pose (GstDaeTalkerBin *self, GstPadTemplate *templ)
{
  g_autoptr (GstPad) target =
      gst_element_request_pad_simple (self->priv->latents, "pose");
  if (target == nullptr)
    return nullptr;
  GstPad *pad = gst_ghost_pad_new_from_template ("pose", target, templ);
  gst_pad_set_active (pad, TRUE);
  gst_element_add_pad (GST_ELEMENT (self), pad);
  return pad;
}

static GstPad *
gst_dae_talker_bin_request_new_pad (GstElement *element, GstPadTemplate *templ,
                                    const gchar *name, const GstCaps *caps)
{
  (void)name;
  (void)caps;
  GstDaeTalkerBin *self = GST_DAE_TALKER_BIN (element);
  if (!self->priv->missing.empty ())
    return nullptr;
  return GST_PAD_TEMPLATE_DIRECTION (templ) == GST_PAD_SRC
             ? request_audio_src (self, templ)
             : request_pose (self, templ);
}

static void
gst_dae_talker_bin_release_pad (GstElement *element, GstPad *pad)
{
  GstDaeTalkerBin *self = GST_DAE_TALKER_BIN (element);
  Private *priv = self->priv;
  g_autoptr (GstPad) target = gst_ghost_pad_get_target (GST_GHOST_PAD (pad));
  gst_pad_set_active (pad, FALSE);
  gst_element_remove_pad (element, pad);
  if (target != nullptr && GST_PAD_IS_SINK (target)) {
    gst_element_release_request_pad (priv->latents, target);
    return;
  }
  GST_OBJECT_LOCK (self);
  GstElement *queue = priv->audio_queue;
  g_autoptr (GstPad) tee_pad = priv->tee_pad;
  priv->audio_queue = nullptr;
  priv->tee_pad = nullptr;
  GST_OBJECT_UNLOCK (self);
  gst_element_release_request_pad (priv->tee, tee_pad);
  gst_element_set_locked_state (queue, TRUE);
  gst_element_set_state (queue, GST_STATE_NULL);
  gst_bin_remove (GST_BIN (self), queue);
}

// ---- properties --------------------------------------------------------------

static GstStructure *
new_stats (Private *priv)
{
  GstStructure *stats = nullptr;
  g_object_get (priv->render, "stats", &stats, nullptr);
  gst_structure_set (stats, "latency", G_TYPE_UINT64, sum_latency (priv), nullptr);
  for (GstElement *part : priv->parts ()) {
    g_autoptr (GstStructure) own = nullptr;
    g_object_get (part, "stats", &own, nullptr);
    g_autofree gchar *name = gst_element_get_name (part);
    gst_structure_set (stats, name, GST_TYPE_STRUCTURE, own, nullptr);
  }
  return stats;
}

// A new avatar for a running stream.
struct AvatarChange {
  GValue avatar = G_VALUE_INIT;
  guint64 number; // of the change
};

static void
free_avatar_change (gpointer data)
{
  auto *change = (AvatarChange *)data;
  g_value_unset (&change->avatar);
  delete change;
}

// What daerender would open.
static AvatarSettings
read_avatar_settings (GstElement *render)
{
  g_autofree gchar *avatar = nullptr, *device = nullptr, *precision = nullptr;
  gint threads = 0;
  gboolean allow = FALSE;
  g_object_get (render, "avatar", &avatar, "device", &device, "precision", &precision,
                "threads", &threads, "allow-unconsented", &allow, nullptr);
  AvatarSettings settings;
  settings.avatar = avatar != nullptr ? avatar : "";
  settings.options = {device, precision, threads};
  settings.allow_unconsented = allow;
  return settings;
}

// Loads the avatar, and gives it to the parts if all of them can go on with it:
// half a change would end the stream.  The weights are shared, so the parts do not
// load them again.
static void
change_avatar (GstElement *element, gpointer data)
{
  Private *priv = GST_DAE_TALKER_BIN (element)->priv;
  const auto *change = (const AvatarChange *)data;
  try {
    AvatarSettings settings = read_avatar_settings (priv->render);
    const auto now = settings.open (element);
    const gchar *name = g_value_get_string (&change->avatar);
    settings.avatar = name != nullptr ? name : "";
    const auto next = settings.open (element);
    gint steps = 0;
    g_object_get (priv->render, "steps", &steps, nullptr);
    daetalker_check_steps (next->info (), steps);
    daetalker_check_render_fit (now->info (), next->info ());
    daetalker_check_latent_fit (now->info (), next->info ());
    std::lock_guard<std::mutex> lock (priv->change_mutex);
    if (change->number == priv->changes) // not overtaken
      daetalker_set_forwarded (priv->parts (), "avatar", &change->avatar);
  } catch (const std::exception &error) {
    GST_ELEMENT_WARNING (element, LIBRARY, SETTINGS,
                         ("%s. The avatar stays.", error.what ()), (nullptr));
  }
}

static void
begin_avatar_change (GstDaeTalkerBin *self, const GValue *avatar)
{
  Private *priv = self->priv;
  auto *change = new AvatarChange;
  g_value_init (&change->avatar, G_TYPE_STRING);
  g_value_copy (avatar, &change->avatar);
  {
    std::lock_guard<std::mutex> lock (priv->change_mutex);
    change->number = ++priv->changes;
  }
  gst_element_call_async (GST_ELEMENT (self), change_avatar, change, free_avatar_change);
}

static void
gst_dae_talker_bin_set_property (GObject *object, guint id, const GValue *value,
                                 GParamSpec *pspec)
{
  GstDaeTalkerBin *self = GST_DAE_TALKER_BIN (object);
  if (id == PROP_IDLE_AFTER) {
    if (self->priv->silence != nullptr)
      self->priv->silence->set_patience (g_value_get_int (value));
  } else if (g_str_equal (pspec->name, "avatar") && GST_STATE (self) > GST_STATE_READY)
    begin_avatar_change (self, value);
  else
    daetalker_set_forwarded (self->priv->parts (), pspec->name, value);
}

static void
gst_dae_talker_bin_get_property (GObject *object, guint id, GValue *value,
                                 GParamSpec *pspec)
{
  Private *priv = GST_DAE_TALKER_BIN (object)->priv;
  switch (id) {
  case PROP_LATENCY:
    g_value_set_uint64 (value, sum_latency (priv));
    break;
  case PROP_STATS:
    g_value_take_boxed (value, new_stats (priv));
    break;
  case PROP_IDLE_AFTER:
    g_value_set_int (value, priv->silence != nullptr ? priv->silence->patience () : -1);
    break;
  default:
    daetalker_get_forwarded (priv->parts (), pspec->name, value);
  }
}

// ---- object ------------------------------------------------------------------

static GstStateChangeReturn
gst_dae_talker_bin_change_state (GstElement *element, GstStateChange transition)
{
  GstDaeTalkerBin *self = GST_DAE_TALKER_BIN (element);
  if (!self->priv->missing.empty ()) {
    GST_ELEMENT_ERROR (self, CORE, MISSING_PLUGIN,
                       ("The GStreamer elements %s are missing. Install "
                        "gstreamer1.0-plugins-base.",
                        self->priv->missing.c_str ()),
                       (nullptr));
    return GST_STATE_CHANGE_FAILURE;
  }
  if (transition == GST_STATE_CHANGE_PLAYING_TO_PAUSED)
    self->priv->silence->stop ();
  const GstStateChangeReturn result =
      GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
  if (result != GST_STATE_CHANGE_FAILURE &&
      (transition == GST_STATE_CHANGE_NULL_TO_READY ||
       transition == GST_STATE_CHANGE_READY_TO_PAUSED))
    size_speech_queue (self);
  if (result != GST_STATE_CHANGE_FAILURE &&
      transition == GST_STATE_CHANGE_PAUSED_TO_PLAYING)
    self->priv->silence->start ();
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    self->priv->silence->reset ();
    self->priv->barge_in.clear ();
  }
  return result;
}

// Before the parts vanish, which the base class would do first.
static void
gst_dae_talker_bin_dispose (GObject *object)
{
  GstElement *element = GST_ELEMENT (object);
  for (const gchar *name : {"audio_src", "pose"}) {
    g_autoptr (GstPad) pad = gst_element_get_static_pad (element, name);
    if (pad != nullptr)
      gst_element_release_request_pad (element, pad);
  }
  GST_DAE_TALKER_BIN (object)->priv->silence.reset ();
  G_OBJECT_CLASS (parent_class)->dispose (object);
}

static void
gst_dae_talker_bin_finalize (GObject *object)
{
  delete GST_DAE_TALKER_BIN (object)->priv;
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
add_ghost_pad (GstDaeTalkerBin *self, GstElement *child, const gchar *name)
{
  g_autoptr (GstPad) target = gst_element_get_static_pad (child, name);
  GstPadTemplate *templ =
      gst_element_class_get_pad_template (GST_ELEMENT_GET_CLASS (self), name);
  gst_element_add_pad (GST_ELEMENT (self),
                       gst_ghost_pad_new_from_template (name, target, templ));
}

static void
gst_dae_talker_bin_init (GstDaeTalkerBin *self)
{
  Private *priv = self->priv = new Private ();
  auto make = [self, priv] (const gchar *factory, const gchar *name) {
    GstElement *element = gst_element_factory_make (factory, name);
    if (element != nullptr)
      gst_bin_add (GST_BIN (self), element);
    else
      priv->missing += (priv->missing.empty () ? "" : ", ") + std::string (factory);
    return element;
  };
  priv->features = GST_ELEMENT (
      g_object_new (GST_TYPE_SPEECH_FEATURES, "name", "speechfeatures", nullptr));
  priv->latents = GST_ELEMENT (
      g_object_new (GST_TYPE_SPEECH2LATENT, "name", "speech2latent", nullptr));
  priv->render =
      GST_ELEMENT (g_object_new (GST_TYPE_DAE_RENDER, "name", "daerender", nullptr));
  gst_bin_add_many (GST_BIN (self), priv->features, priv->latents, priv->render, nullptr);
  daetalker_proxy_controls (GST_OBJECT (self), priv->parts ());

  priv->tee = make ("tee", "tee");
  priv->speech_queue = make ("queue", "speech_queue");
  GstElement *convert = make ("audioconvert", "convert");
  GstElement *resample = make ("audioresample", "resample");
  GstElement *latent_queue = make ("queue", "latent_queue");
  GstElement *picture_queue = make ("queue", "picture_queue");
  add_ghost_pad (self, picture_queue != nullptr ? picture_queue : priv->render, "src");
  if (!priv->missing.empty ())
    return;
  g_object_set (priv->speech_queue, "max-size-buffers", 0, "max-size-bytes", 0, nullptr);
  hold_buffers (latent_queue, latent_queue_buffers);
  hold_buffers (picture_queue, picture_queue_buffers);
  gst_element_link_many (priv->tee, priv->speech_queue, convert, resample, priv->features,
                         priv->latents, latent_queue, priv->render, picture_queue,
                         nullptr);
  add_ghost_pad (self, priv->tee, "sink");
  g_autoptr (GstPad) sink = gst_element_get_static_pad (priv->tee, "sink");
  gst_pad_add_probe (sink,
                     GstPadProbeType (GST_PAD_PROBE_TYPE_BUFFER |
                                      GST_PAD_PROBE_TYPE_BUFFER_LIST |
                                      GST_PAD_PROBE_TYPE_EVENT_FLUSH),
                     note_sound, self, nullptr);
  g_autoptr (GstPad) speech = gst_element_get_static_pad (priv->speech_queue, "sink");
  priv->silence = std::make_unique<LiveSilence> (GST_ELEMENT (self), speech);
}

static void
gst_dae_talker_bin_class_init (GstDaeTalkerBinClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GST_DEBUG_CATEGORY_INIT (gst_dae_talker_bin_debug, "daetalkerbin", 0,
                           "speech to talking face");

  object_class->set_property = gst_dae_talker_bin_set_property;
  object_class->get_property = gst_dae_talker_bin_get_property;
  object_class->dispose = gst_dae_talker_bin_dispose;
  object_class->finalize = gst_dae_talker_bin_finalize;
  daetalker_install_readings (object_class, PROP_LATENCY, PROP_STATS);
  g_object_class_install_property (
      object_class, PROP_IDLE_AFTER,
      g_param_spec_int ("idle-after", "Idle after",
                        "How late the sound of a live source may be, in ms, before the "
                        "face idles without it (-1: it waits)",
                        -1, 60000, 100,
                        GParamFlags (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                     GST_PARAM_MUTABLE_PLAYING)));
  daetalker_forward_properties (
      object_class, PROP_FIRST_FORWARDED,
      {GST_TYPE_DAE_RENDER, GST_TYPE_SPEECH2LATENT, GST_TYPE_SPEECH_FEATURES},
      own_properties);

  /**
   * GstDaeTalkerBin::rest:
   *
   * What has come in up to now is not spoken: the face goes to rest within three frames,
   * `audio_src` is silent; both go on with the sound that comes after this call.
   */
  signals[SIGNAL_REST] = g_signal_new_class_handler (
      "rest", GST_TYPE_DAE_TALKER_BIN, GSignalFlags (G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION),
      G_CALLBACK (gst_dae_talker_bin_rest), nullptr, nullptr, nullptr, G_TYPE_NONE, 0);

  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_add_static_pad_template (element_class, &audio_src_template);
  gst_element_class_add_static_pad_template (element_class, &pose_template);
  gst_element_class_set_static_metadata (
      element_class, "Talking face", "Bin/Converter/Audio/Video",
      "Turns speech into video of a talking face", "The gst-daetalker authors");
  element_class->change_state = GST_DEBUG_FUNCPTR (gst_dae_talker_bin_change_state);
  element_class->request_new_pad = GST_DEBUG_FUNCPTR (gst_dae_talker_bin_request_new_pad);
  element_class->release_pad = GST_DEBUG_FUNCPTR (gst_dae_talker_bin_release_pad);
  GST_BIN_CLASS (klass)->handle_message =
      GST_DEBUG_FUNCPTR (gst_dae_talker_bin_handle_message);
}
