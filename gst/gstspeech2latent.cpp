// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-speech2latent
 * @title: speech2latent
 * @short_description: speech features to the latents of a talking face
 *
 * Turns feature frames of speechfeatures into latent vectors and head poses of an
 * avatar, at the frame rate that the caps downstream ask for: the avatar's native
 * latents are interpolated linearly in time, so that T seconds of speech give
 * exactly ceil(T x rate) frames at 24, 25, 30000/1001, 30, 50 or 60.  Nobody asks:
 * the native rate.
 *
 * The head moves as the speech suggests (`pose-mode` predicted, its excursions
 * scaled by `motion-scale`), as `yaw`, `pitch` and `roll` say (manual), as the
 * tensors [3] on the request pad `pose` say, nearest in time (stream; a pose that
 * comes late is not waited for, and before the first one the head is at rest), or
 * not at all (still).  Given poses are limited to the range seen in training.
 *
 * A new `avatar` is loaded while the old one goes on, and takes over between two
 * frames if sizes, rates and speech encoder are the same; otherwise a warning says
 * why the old one stays.  Other elements have to change with it: the field
 * `model-hash` of the caps names the autoencoder.
 *
 * Timestamps that jump by more than 40 ms, gap events and new segments end the
 * speech there and start anew; smaller jitter is ignored.
 *
 * |[
 * gst-launch-1.0 filesrc location=speech.wav ! decodebin ! audioconvert ! audioresample !
 *   speechfeatures ! speech2latent ! other/tensors,framerate=30/1 ! daerender !
 *   videoconvert ! autovideosink
 * ]| A face at 30 frames a second.
 */
#include "gstspeech2latent.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "avatarsettings.h"
#include "engineloader.h"
#include "framestats.h"
#include "latenttrack.h"
#include "posetrack.h"
#include "tensorcaps.h"

GST_DEBUG_CATEGORY_STATIC (speech2latent_debug);
#define GST_CAT_DEFAULT speech2latent_debug

using daetalker::Avatar;
using daetalker::AvatarInfo;
using daetalker::Error;
using daetalker::ErrorCode;
using daetalker::Pose;

namespace {

enum {
  PROP_0,
  PROP_AVATAR, // and the rest of AvatarSettings
  PROP_POSE_MODE = PROP_AVATAR + AvatarSettings::count,
  PROP_YAW,
  PROP_PITCH,
  PROP_ROLL,
  PROP_MOTION_SCALE,
  PROP_SILENCE,
  PROP_LOOK_AHEAD,
  PROP_LATENCY,
  PROP_STATS,
};

constexpr GstClockTimeDiff tolerance = 40 * GST_MSECOND;
constexpr gint min_rate = 1, max_rate = 1000;

#define POSE_CAPS DAETALKER_TENSORS_CAPS ("1", "float32")

GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE (
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS (DAETALKER_FEATURES_CAPS));
GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (DAETALKER_LATENT_CAPS));
GstStaticPadTemplate pose_template = GST_STATIC_PAD_TEMPLATE (
    "pose", GST_PAD_SINK, GST_PAD_REQUEST, GST_STATIC_CAPS (POSE_CAPS));

// What may change from frame to frame.
struct Control {
  GstSpeech2LatentPoseMode pose_mode = GST_SPEECH2LATENT_POSE_PREDICTED;
  Pose pose{}; // manual
  float motion_scale = 1;
  GstSpeech2LatentSilence silence = GST_SPEECH2LATENT_SILENCE_MODEL;
};

struct Private {
  // Under the object lock.
  AvatarSettings settings;
  Control control;
  int look_ahead_ms = -1;
  bool reopen = true;     // the settings have changed since the avatar was opened
  bool streaming = false; // PAUSED or PLAYING: another avatar is loaded on a thread
  std::shared_ptr<Avatar> avatar;    // from READY on
  std::string in_use;                // the property's value for `avatar`
  std::shared_ptr<Avatar> announced; // whose hash the source pad's caps carry
  std::shared_ptr<Avatar> pending;   // loaded, to take over before the next frame
  std::string pending_name;          // the property's value for `pending`
  guint64 generation = 0;            // of the last load asked for
  int rate_num = 0, rate_den = 1;    // of the source pad; 0 before caps
  GstClockTime latency = 0;

  // Streaming thread, or before and after it.
  LatentTrack track;
  GstClockTime anchor = GST_CLOCK_TIME_NONE; // time of the track's start
  bool discont = false; // the next frame is the first after the anchor

  PoseTrack poses;
  FrameStats stats;
};

struct Load {
  AvatarSettings settings;
  guint64 generation;
};

} // namespace

struct _GstSpeech2Latent {
  GstBaseTransform parent;
  Private *priv;
};

G_DEFINE_FINAL_TYPE_WITH_CODE (GstSpeech2Latent, gst_speech2latent,
                               GST_TYPE_BASE_TRANSFORM,
                               G_IMPLEMENT_INTERFACE (GST_TYPE_PRESET, nullptr))
GST_ELEMENT_REGISTER_DEFINE (speech2latent, "speech2latent", GST_RANK_NONE,
                             GST_TYPE_SPEECH2LATENT)

#define parent_class ((GstBaseTransformClass *)gst_speech2latent_parent_class)

GType
gst_speech2latent_pose_mode_get_type ()
{
  static const GEnumValue values[] = {
      {GST_SPEECH2LATENT_POSE_PREDICTED, "From the speech", "predicted"},
      {GST_SPEECH2LATENT_POSE_MANUAL, "From yaw, pitch and roll", "manual"},
      {GST_SPEECH2LATENT_POSE_STREAM, "From the pad pose", "stream"},
      {GST_SPEECH2LATENT_POSE_STILL, "The avatar's rest pose", "still"},
      {0, nullptr, nullptr},
  };
  static const GType type = g_enum_register_static ("GstSpeech2LatentPoseMode", values);
  return type;
}

GType
gst_speech2latent_silence_get_type ()
{
  static const GEnumValue values[] = {
      {GST_SPEECH2LATENT_SILENCE_MODEL, "What the network makes of silence", "model"},
      {GST_SPEECH2LATENT_SILENCE_REST, "The avatar's rest latent", "rest"},
      {0, nullptr, nullptr},
  };
  static const GType type = g_enum_register_static ("GstSpeech2LatentSilence", values);
  return type;
}

// ---- avatar ----------------------------------------------------------------------

static daetalker::Window
choose_window (const AvatarInfo &info, int look_ahead_ms)
{
  daetalker::Window window = info.window;
  if (look_ahead_ms >= 0)
    window.right =
        (int)std::ceil (look_ahead_ms * 1e-3 * info.fps.num / info.fps.den - 1e-9);
  return window;
}

// Computes the latency; says so on the bus if it has changed.
static void
update_latency (GstSpeech2Latent *self)
{
  Private *priv = self->priv;
  GST_OBJECT_LOCK (self);
  const GstClockTime before = priv->latency;
  priv->latency = 0;
  if (priv->avatar != nullptr) {
    const AvatarInfo &info = priv->avatar->info ();
    priv->latency = LatentTrack::latency (info, choose_window (info, priv->look_ahead_ms),
                                          priv->rate_num, priv->rate_den);
  }
  const bool changed = before != priv->latency;
  GST_OBJECT_UNLOCK (self);
  if (changed)
    gst_element_post_message (GST_ELEMENT (self),
                              gst_message_new_latency (GST_OBJECT (self)));
}

static gboolean
open_avatar (GstSpeech2Latent *self)
{
  Private *priv = self->priv;
  GST_OBJECT_LOCK (self);
  const bool reopen = priv->reopen;
  const AvatarSettings settings = priv->settings;
  priv->reopen = false;
  GST_OBJECT_UNLOCK (self);
  if (!reopen)
    return TRUE;

  const gboolean opened = daetalker_guard (GST_ELEMENT (self), FALSE, [&] {
    auto avatar = settings.open (GST_ELEMENT (self));
    GST_OBJECT_LOCK (self);
    priv->avatar.swap (avatar);
    priv->in_use = settings.avatar;
    GST_OBJECT_UNLOCK (self);
    return TRUE;
  });
  if (!opened) {
    GST_OBJECT_LOCK (self);
    priv->reopen = true;
    GST_OBJECT_UNLOCK (self);
  }
  update_latency (self);
  return opened;
}

static gboolean
open_track (GstSpeech2Latent *self)
{
  Private *priv = self->priv;
  GST_OBJECT_LOCK (self);
  auto avatar = priv->avatar;
  priv->announced = avatar;
  priv->streaming = true;
  const int look_ahead_ms = priv->look_ahead_ms;
  GST_OBJECT_UNLOCK (self);
  priv->stats.clear ();
  return daetalker_guard (GST_ELEMENT (self), FALSE, [&] {
    priv->track.open (avatar, choose_window (avatar->info (), look_ahead_ms));
    priv->anchor = GST_CLOCK_TIME_NONE;
    return TRUE;
  });
}

static void
close_track (GstSpeech2Latent *self)
{
  Private *priv = self->priv;
  priv->track.close ();
  priv->poses.clear ();
  std::shared_ptr<Avatar> announced, pending; // freed outside of the lock
  GST_OBJECT_LOCK (self);
  priv->streaming = false;
  priv->generation++;
  // A load that is still under way is made up for at the next start.
  priv->reopen |= priv->settings.avatar != priv->in_use;
  priv->announced.swap (announced);
  priv->pending.swap (pending);
  priv->rate_num = 0;
  GST_OBJECT_UNLOCK (self);
}

static GstStateChangeReturn
gst_speech2latent_change_state (GstElement *element, GstStateChange transition)
{
  GstSpeech2Latent *self = GST_SPEECH2LATENT (element);
  Private *priv = self->priv;

  if (transition == GST_STATE_CHANGE_NULL_TO_READY ||
      transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    if (!open_avatar (self))
      return GST_STATE_CHANGE_FAILURE;
  }
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !open_track (self))
    return GST_STATE_CHANGE_FAILURE;

  const GstStateChangeReturn result = GST_ELEMENT_CLASS (gst_speech2latent_parent_class)
                                          ->change_state (element, transition);

  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    close_track (self);
    update_latency (self);
  } else if (transition == GST_STATE_CHANGE_READY_TO_NULL) {
    std::shared_ptr<Avatar> avatar;
    GST_OBJECT_LOCK (self);
    priv->avatar.swap (avatar);
    priv->reopen = true;
    GST_OBJECT_UNLOCK (self);
    update_latency (self);
  }
  return result;
}

// ---- another avatar while running --------------------------------------------------

// Throws Error if `next` cannot take over from `now` within a stream.
static void
check_fit (const AvatarInfo &now, const AvatarInfo &next)
{
  auto same = [] (const daetalker::Fraction &a, const daetalker::Fraction &b) {
    return (gint64)a.num * b.den == (gint64)b.num * a.den;
  };
  const char *reason = nullptr;
  if (next.encoder_hash != now.encoder_hash)
    reason = "it was trained on another speech encoder than the running stream's";
  else if (next.latent_size != now.latent_size || next.feature_size != now.feature_size)
    reason = "its latents or features have another size than the running stream's";
  else if (!same (next.fps, now.fps) || !same (next.feature_rate, now.feature_rate))
    reason = "its rates are not the running stream's";
  else if (next.window.chunk == 0 || now.window.chunk == 0)
    reason = "an avatar without chunks cannot change within a stream";
  if (reason != nullptr)
    throw Error (ErrorCode::wrong_model, next.path, reason,
                 "Stop the pipeline to change to this avatar");
}

static void
load_avatar (GstElement *element, gpointer data)
{
  GstSpeech2Latent *self = GST_SPEECH2LATENT (element);
  Private *priv = self->priv;
  Load &load = *(Load *)data;
  GST_OBJECT_LOCK (self);
  auto now = priv->avatar;
  GST_OBJECT_UNLOCK (self);
  if (now == nullptr)
    return;

  std::shared_ptr<Avatar> next;
  try {
    next = load.settings.open (element);
    check_fit (now->info (), next->info ());
    GST_OBJECT_LOCK (self);
    if (load.generation == priv->generation) {
      priv->pending.swap (next);
      priv->pending_name = load.settings.avatar;
    }
    GST_OBJECT_UNLOCK (self);
    return;
  } catch (const Error &error) {
    daetalker_post_error (element, error, GST_MESSAGE_WARNING);
  } catch (const std::exception &error) {
    daetalker_post_error (element,
                          Error (ErrorCode::failed, load.settings.avatar, error.what (),
                                 "The avatar in use stays"),
                          GST_MESSAGE_WARNING);
  }
  // The property shows the avatar in use.
  GST_OBJECT_LOCK (self);
  if (load.generation == priv->generation)
    priv->settings.avatar = priv->in_use;
  GST_OBJECT_UNLOCK (self);
  g_object_notify (G_OBJECT (self), "avatar");
}

// Streaming thread, between two frames.
static void
take_pending (GstSpeech2Latent *self)
{
  Private *priv = self->priv;
  std::shared_ptr<Avatar> next;
  GST_OBJECT_LOCK (self);
  priv->pending.swap (next);
  const std::string name = priv->pending_name;
  const int look_ahead_ms = priv->look_ahead_ms;
  GST_OBJECT_UNLOCK (self);
  if (next == nullptr)
    return;
  priv->track.swap (next, choose_window (next->info (), look_ahead_ms));
  GST_INFO_OBJECT (self, "avatar %s takes over", next->info ().path.c_str ());
  GST_OBJECT_LOCK (self);
  priv->avatar.swap (next);
  priv->in_use = name;
  GST_OBJECT_UNLOCK (self);
  update_latency (self);
}

// ---- caps ------------------------------------------------------------------------

static GstCaps *
gst_speech2latent_transform_caps (GstBaseTransform *trans, GstPadDirection direction,
                                  GstCaps *caps, GstCaps *filter)
{
  (void)caps;
  GstSpeech2Latent *self = GST_SPEECH2LATENT (trans);
  Private *priv = self->priv;
  GST_OBJECT_LOCK (self);
  auto avatar = priv->announced != nullptr ? priv->announced : priv->avatar;
  GST_OBJECT_UNLOCK (self);

  GstCaps *result;
  if (direction == GST_PAD_SRC) {
    // Sizes are written in more than one way: they are checked when caps arrive.
    result = gst_caps_make_writable (gst_static_pad_template_get_caps (&sink_template));
    gst_caps_set_simple (result, "tensor-id", G_TYPE_STRING, DAETALKER_FEATURES_ID,
                         nullptr);
    if (avatar != nullptr)
      gst_caps_set_simple (result, "model-hash", G_TYPE_STRING,
                           avatar->info ().encoder_hash.c_str (), nullptr);
  } else {
    if (avatar != nullptr)
      result = daetalker_latent_caps_new ((guint)avatar->info ().latent_size, 0, 0,
                                          avatar->info ().hash.c_str ());
    else
      result = gst_caps_make_writable (gst_static_pad_template_get_caps (&src_template));
    gst_caps_set_simple (result, "framerate", GST_TYPE_FRACTION_RANGE, min_rate, 1,
                         max_rate, 1, nullptr);
  }
  if (filter != nullptr) {
    GstCaps *both = gst_caps_intersect_full (filter, result, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref (result);
    result = both;
  }
  return result;
}

// Features of a stranger need not carry our fields; what they carry is looked at
// when the caps arrive, where an error can say what is wrong.
static gboolean
gst_speech2latent_accept_caps (GstBaseTransform *trans, GstPadDirection direction,
                               GstCaps *caps)
{
  if (direction == GST_PAD_SRC)
    return parent_class->accept_caps (trans, direction, caps);
  g_autoptr (GstCaps) known = gst_static_pad_template_get_caps (&sink_template);
  return gst_caps_can_intersect (caps, known);
}

static GstCaps *
gst_speech2latent_fixate_caps (GstBaseTransform *trans, GstPadDirection direction,
                               GstCaps *caps, GstCaps *othercaps)
{
  (void)caps;
  GstSpeech2Latent *self = GST_SPEECH2LATENT (trans);
  othercaps = gst_caps_make_writable (gst_caps_truncate (othercaps));
  GST_OBJECT_LOCK (self);
  auto avatar = self->priv->avatar;
  GST_OBJECT_UNLOCK (self);
  if (direction == GST_PAD_SINK && avatar != nullptr)
    gst_structure_fixate_field_nearest_fraction (gst_caps_get_structure (othercaps, 0),
                                                 "framerate", avatar->info ().fps.num,
                                                 avatar->info ().fps.den);
  return gst_caps_fixate (othercaps);
}

static gboolean
gst_speech2latent_set_caps (GstBaseTransform *trans, GstCaps *incaps, GstCaps *outcaps)
{
  (void)incaps;
  GstSpeech2Latent *self = GST_SPEECH2LATENT (trans);
  Private *priv = self->priv;
  TensorCaps out;
  if (!daetalker_tensor_caps_parse (outcaps, 2, &out, nullptr) || out.rate_num <= 0)
    return FALSE;
  priv->track.set_rate (out.rate_num, out.rate_den);
  GST_OBJECT_LOCK (self);
  priv->rate_num = out.rate_num;
  priv->rate_den = out.rate_den;
  GST_OBJECT_UNLOCK (self);
  update_latency (self);
  return TRUE;
}

// FALSE, with an error on the bus, if the features are not what the avatar was
// trained on.
static gboolean
check_features (GstSpeech2Latent *self, const GstCaps *caps)
{
  GST_OBJECT_LOCK (self);
  auto avatar = self->priv->avatar;
  GST_OBJECT_UNLOCK (self);
  const AvatarInfo &info = avatar->info ();
  TensorCaps in;
  g_autofree gchar *reason = nullptr;
  if (daetalker_tensor_caps_parse (caps, 1, &in, &reason)) {
    const daetalker::Fraction &rate = info.feature_rate;
    if (in.tensor_id != nullptr && !g_str_equal (in.tensor_id, DAETALKER_FEATURES_ID))
      reason = g_strdup_printf ("it carries %s", in.tensor_id);
    else if (in.model_hash != nullptr && info.encoder_hash != in.model_hash)
      reason =
          g_strdup_printf ("its features come from speech encoder %s, and the avatar "
                           "was trained on %s",
                           in.model_hash, info.encoder_hash.c_str ());
    else if (in.size != (guint)info.feature_size)
      reason = g_strdup_printf ("a frame has %u numbers, and the avatar wants %d",
                                in.size, info.feature_size);
    else if (in.rate_num != 0 &&
             (gint64)in.rate_num * rate.den != (gint64)rate.num * in.rate_den)
      reason =
          g_strdup_printf ("it has %d/%d frames a second, and the avatar wants %d/%d",
                           in.rate_num, in.rate_den, rate.num, rate.den);
  }
  if (reason == nullptr)
    return TRUE;
  GST_ELEMENT_ERROR (self, STREAM, WRONG_TYPE,
                     ("This stream does not fit the avatar %s: %s. Put speechfeatures in "
                      "front, with the "
                      "same avatar and without another encoder",
                      info.path.c_str (), reason),
                     ("%" GST_PTR_FORMAT, caps));
  return FALSE;
}

// ---- data ------------------------------------------------------------------------

// The pose of a native frame.
static void
control_pose (GstSpeech2Latent *self, guint64 frame, Pose &pose)
{
  Private *priv = self->priv;
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  const GstClockTime time = priv->anchor + priv->track.native_time (frame);
  const GstClockTime stream_time =
      gst_segment_to_stream_time (segment, GST_FORMAT_TIME, time);
  if (GST_CLOCK_TIME_IS_VALID (stream_time))
    gst_object_sync_values (GST_OBJECT (self), stream_time);

  GST_OBJECT_LOCK (self);
  const Control control = priv->control;
  auto avatar = priv->avatar;
  GST_OBJECT_UNLOCK (self);
  const AvatarInfo &info = avatar->info ();
  bool given = false;
  switch (control.pose_mode) {
  case GST_SPEECH2LATENT_POSE_PREDICTED:
    for (std::size_t i = 0; i < pose.size (); i++)
      pose[i] = info.rest_pose[i] + control.motion_scale * (pose[i] - info.rest_pose[i]);
    break;
  case GST_SPEECH2LATENT_POSE_MANUAL:
    pose = control.pose;
    given = true;
    break;
  case GST_SPEECH2LATENT_POSE_STREAM: {
    const GstClockTime running_time =
        gst_segment_to_running_time (segment, GST_FORMAT_TIME, time);
    const auto nearest = priv->poses.nearest (running_time);
    pose = nearest.value_or (info.rest_pose);
    given = true;
    break;
  }
  case GST_SPEECH2LATENT_POSE_STILL:
    pose = info.rest_pose;
    break;
  }
  for (std::size_t i = 0; given && i < pose.size (); i++)
    pose[i] = std::clamp (pose[i], info.pose_min[i], info.pose_max[i]);
}

// From this frame on latents are another avatar's: says so in the caps.
static gboolean
announce (GstSpeech2Latent *self, std::shared_ptr<Avatar> avatar)
{
  Private *priv = self->priv;
  const std::string hash = avatar->info ().hash;
  GST_OBJECT_LOCK (self);
  priv->announced.swap (avatar);
  GST_OBJECT_UNLOCK (self);
  if (avatar->info ().hash == hash)
    return TRUE;
  GstBaseTransform *trans = GST_BASE_TRANSFORM (self);
  GstCaps *caps = gst_pad_get_current_caps (trans->srcpad);
  if (caps == nullptr)
    return FALSE;
  caps = gst_caps_make_writable (caps);
  gst_caps_set_simple (caps, "model-hash", G_TYPE_STRING, hash.c_str (), nullptr);
  const gboolean updated = gst_base_transform_update_src_caps (trans, caps);
  gst_caps_unref (caps);
  return updated;
}

// Gives the next frame that is complete, or nullptr.
static GstFlowReturn
next_buffer (GstSpeech2Latent *self, GstBuffer **buffer)
{
  Private *priv = self->priv;
  *buffer = nullptr;
  return daetalker_guard (GST_ELEMENT (self), GST_FLOW_ERROR, [&] () -> GstFlowReturn {
    take_pending (self);
    if (!GST_CLOCK_TIME_IS_VALID (priv->anchor))
      return GST_FLOW_OK;
    GST_OBJECT_LOCK (self);
    const bool rest = priv->control.silence == GST_SPEECH2LATENT_SILENCE_REST;
    GST_OBJECT_UNLOCK (self);

    LatentTrack::Frame frame;
    const gint64 begin = g_get_monotonic_time ();
    const bool complete = priv->track.next (
        [self] (std::uint64_t index, Pose &pose) { control_pose (self, index, pose); },
        rest, frame);
    if (!complete)
      return GST_FLOW_OK;
    priv->stats.add ((GstClockTime)(g_get_monotonic_time () - begin) * GST_USECOND);
    if (frame.avatar != priv->announced && !announce (self, frame.avatar))
      return GST_FLOW_NOT_NEGOTIATED;

    const std::vector<float> &latent = frame.content.latent;
    *buffer = gst_buffer_new_memdup (latent.data (), latent.size () * sizeof (float));
    gpointer pose = g_memdup2 (frame.content.pose.data (), sizeof (Pose));
    gst_buffer_append_memory (
        *buffer, gst_memory_new_wrapped ((GstMemoryFlags)0, pose, sizeof (Pose), 0,
                                         sizeof (Pose), pose, g_free));
    GST_BUFFER_PTS (*buffer) = priv->anchor + frame.time;
    GST_BUFFER_DURATION (*buffer) = frame.duration;
    GST_BUFFER_OFFSET (*buffer) = frame.index;
    GST_BUFFER_OFFSET_END (*buffer) = frame.index + 1;
    if (priv->discont)
      GST_BUFFER_FLAG_SET (*buffer, GST_BUFFER_FLAG_DISCONT);
    priv->discont = false;
    return GST_FLOW_OK;
  });
}

static void
forget (Private *priv)
{
  if (priv->track.is_open ())
    priv->track.reset ();
  priv->anchor = GST_CLOCK_TIME_NONE;
}

// Ends the speech here: sends what is held back and starts anew.
static GstFlowReturn
drain (GstSpeech2Latent *self)
{
  Private *priv = self->priv;
  GstFlowReturn flow = GST_FLOW_OK;
  if (GST_CLOCK_TIME_IS_VALID (priv->anchor)) {
    flow = daetalker_guard (GST_ELEMENT (self), GST_FLOW_ERROR, [&] {
      priv->track.finish ();
      return GST_FLOW_OK;
    });
    while (flow == GST_FLOW_OK) {
      GstBuffer *buffer;
      flow = next_buffer (self, &buffer);
      if (buffer == nullptr)
        break;
      flow = gst_pad_push (GST_BASE_TRANSFORM (self)->srcpad, buffer);
    }
  }
  forget (priv);
  return flow;
}

// Starts anew at `pts` if that is too far from where the counter stands.
static GstFlowReturn
align (GstSpeech2Latent *self, GstClockTime pts)
{
  Private *priv = self->priv;
  if (GST_CLOCK_TIME_IS_VALID (priv->anchor) && GST_CLOCK_TIME_IS_VALID (pts)) {
    const GstClockTime expected =
        priv->anchor + priv->track.feature_time (priv->track.features_pushed ());
    if (std::llabs (GST_CLOCK_DIFF (expected, pts)) > tolerance) {
      GST_INFO_OBJECT (self, "time jumps from %" GST_TIME_FORMAT " to %" GST_TIME_FORMAT,
                       GST_TIME_ARGS (expected), GST_TIME_ARGS (pts));
      const GstFlowReturn flow = drain (self);
      if (flow != GST_FLOW_OK)
        return flow;
    }
  }
  if (!GST_CLOCK_TIME_IS_VALID (priv->anchor)) {
    priv->anchor =
        GST_CLOCK_TIME_IS_VALID (pts) ? pts : GST_BASE_TRANSFORM (self)->segment.start;
    priv->discont = true;
  }
  return GST_FLOW_OK;
}

static GstFlowReturn
gst_speech2latent_submit_input_buffer (GstBaseTransform *trans, gboolean is_discont,
                                       GstBuffer *input)
{
  (void)is_discont; // a flag alone is no jump
  GstSpeech2Latent *self = GST_SPEECH2LATENT (trans);
  Private *priv = self->priv;
  g_autoptr (GstBuffer) buffer = input;
  if (!gst_base_transform_reconfigure (trans))
    return GST_PAD_IS_FLUSHING (trans->srcpad) ? GST_FLOW_FLUSHING
                                               : GST_FLOW_NOT_NEGOTIATED;

  GST_OBJECT_LOCK (self);
  auto avatar = priv->avatar;
  GST_OBJECT_UNLOCK (self);
  std::vector<float> features ((std::size_t)avatar->info ().feature_size);
  const gsize size = features.size () * sizeof (float);
  if (gst_buffer_get_size (buffer) != size) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT,
                       ("A feature frame has %" G_GSIZE_FORMAT
                        " bytes instead of %" G_GSIZE_FORMAT ". Send one frame a buffer",
                        gst_buffer_get_size (buffer), size),
                       (nullptr));
    return GST_FLOW_ERROR;
  }
  gst_buffer_extract (buffer, 0, features.data (), size);

  const GstFlowReturn flow = align (self, GST_BUFFER_PTS (buffer));
  if (flow != GST_FLOW_OK)
    return flow;
  return daetalker_guard (GST_ELEMENT (self), GST_FLOW_ERROR, [&] {
    // Without a duration it is a whole frame.
    priv->track.push (features.data (),
                      GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP),
                      GST_BUFFER_DURATION_IS_VALID (buffer) ? GST_BUFFER_DURATION (buffer)
                                                            : 3600 * GST_SECOND);
    return GST_FLOW_OK;
  });
}

static GstFlowReturn
gst_speech2latent_generate_output (GstBaseTransform *trans, GstBuffer **buffer)
{
  return next_buffer (GST_SPEECH2LATENT (trans), buffer);
}

// ---- events and queries ----------------------------------------------------------

static gboolean
gst_speech2latent_sink_event (GstBaseTransform *trans, GstEvent *event)
{
  GstSpeech2Latent *self = GST_SPEECH2LATENT (trans);
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_CAPS: {
    GstCaps *caps;
    gst_event_parse_caps (event, &caps);
    drain (self);
    if (!check_features (self, caps)) {
      gst_event_unref (event);
      return FALSE;
    }
    break;
  }
  case GST_EVENT_SEGMENT: {
    const GstSegment *segment;
    gst_event_parse_segment (event, &segment);
    drain (self);
    if (segment->format != GST_FORMAT_TIME) {
      GstSegment time;
      gst_segment_init (&time, GST_FORMAT_TIME);
      GstEvent *replaced = gst_event_new_segment (&time);
      gst_event_set_seqnum (replaced, gst_event_get_seqnum (event));
      gst_event_unref (event);
      event = replaced;
    } else if (segment->rate < 0) {
      gst_event_unref (event);
      GST_ELEMENT_ERROR (self, STREAM, NOT_IMPLEMENTED,
                         ("Speech cannot be played backwards. Seek with a positive rate"),
                         (nullptr));
      return FALSE;
    }
    break;
  }
  case GST_EVENT_GAP:
  case GST_EVENT_EOS:
    drain (self);
    break;
  case GST_EVENT_FLUSH_STOP:
    forget (self->priv);
    break;
  default:
    break;
  }
  return parent_class->sink_event (trans, event);
}

static gboolean
gst_speech2latent_query (GstBaseTransform *trans, GstPadDirection direction,
                         GstQuery *query)
{
  if (GST_QUERY_TYPE (query) != GST_QUERY_LATENCY || direction != GST_PAD_SRC)
    return parent_class->query (trans, direction, query);
  if (!gst_pad_peer_query (trans->sinkpad, query))
    return FALSE;
  gboolean live;
  GstClockTime min, max;
  gst_query_parse_latency (query, &live, &min, &max);
  if (live) {
    GST_OBJECT_LOCK (trans);
    const GstClockTime latency = GST_SPEECH2LATENT (trans)->priv->latency;
    GST_OBJECT_UNLOCK (trans);
    gst_query_set_latency (query, live, min + latency,
                           GST_CLOCK_TIME_IS_VALID (max) ? max + latency : max);
  }
  return TRUE;
}

// ---- the pad pose ----------------------------------------------------------------

static GstPad *
gst_speech2latent_request_new_pad (GstElement *element, GstPadTemplate *templ,
                                   const gchar *name, const GstCaps *caps)
{
  (void)name;
  (void)caps;
  g_autoptr (GstPad) present = gst_element_get_static_pad (element, "pose");
  if (present != nullptr)
    return nullptr; // there is one head
  GstPad *pad =
      daetalker_pose_pad_new (templ, "pose", &GST_SPEECH2LATENT (element)->priv->poses);
  // Elements that are already running activate the pad here.
  gst_element_add_pad (element, pad);
  return pad;
}

static void
gst_speech2latent_release_pad (GstElement *element, GstPad *pad)
{
  gst_pad_set_active (pad, FALSE);
  gst_element_remove_pad (element, pad);
  GST_SPEECH2LATENT (element)->priv->poses.clear ();
}

// ---- object ----------------------------------------------------------------------

static void
set_avatar_property (GstSpeech2Latent *self, guint id, const GValue *value,
                     GParamSpec *pspec)
{
  Private *priv = self->priv;
  std::unique_ptr<Load> load;
  GST_OBJECT_LOCK (self);
  const std::string before = priv->settings.avatar;
  const bool known = priv->settings.set (id, PROP_AVATAR, value);
  if (!priv->streaming)
    priv->reopen |= known;
  else if (priv->settings.avatar != before)
    load = std::make_unique<Load> (Load{priv->settings, ++priv->generation});
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (self, id, pspec);
  if (load != nullptr)
    gst_element_call_async (GST_ELEMENT (self), load_avatar, load.release (),
                            [] (gpointer data) { delete (Load *)data; });
}

static void
gst_speech2latent_set_property (GObject *object, guint id, const GValue *value,
                                GParamSpec *pspec)
{
  GstSpeech2Latent *self = GST_SPEECH2LATENT (object);
  Private *priv = self->priv;
  Control &control = priv->control;
  GST_OBJECT_LOCK (self);
  bool own = true;
  switch (id) {
  case PROP_POSE_MODE:
    control.pose_mode = (GstSpeech2LatentPoseMode)g_value_get_enum (value);
    break;
  case PROP_YAW:
  case PROP_PITCH:
  case PROP_ROLL:
    control.pose[id - PROP_YAW] = g_value_get_float (value);
    break;
  case PROP_MOTION_SCALE:
    control.motion_scale = g_value_get_float (value);
    break;
  case PROP_SILENCE:
    control.silence = (GstSpeech2LatentSilence)g_value_get_enum (value);
    break;
  case PROP_LOOK_AHEAD:
    // A running stream keeps its window.
    if (!priv->streaming)
      priv->look_ahead_ms = g_value_get_int (value);
    break;
  default:
    own = false;
  }
  GST_OBJECT_UNLOCK (self);
  if (!own)
    set_avatar_property (self, id, value, pspec);
  else if (id == PROP_LOOK_AHEAD)
    update_latency (self);
}

static void
gst_speech2latent_get_property (GObject *object, guint id, GValue *value,
                                GParamSpec *pspec)
{
  GstSpeech2Latent *self = GST_SPEECH2LATENT (object);
  Private *priv = self->priv;
  const Control &control = priv->control;
  bool known = true;
  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_POSE_MODE:
    g_value_set_enum (value, control.pose_mode);
    break;
  case PROP_YAW:
  case PROP_PITCH:
  case PROP_ROLL:
    g_value_set_float (value, control.pose[id - PROP_YAW]);
    break;
  case PROP_MOTION_SCALE:
    g_value_set_float (value, control.motion_scale);
    break;
  case PROP_SILENCE:
    g_value_set_enum (value, control.silence);
    break;
  case PROP_LOOK_AHEAD:
    g_value_set_int (value, priv->look_ahead_ms);
    break;
  case PROP_LATENCY:
    g_value_set_uint64 (value, priv->latency);
    break;
  case PROP_STATS: {
    const AvatarInfo *info = priv->avatar ? &priv->avatar->info () : nullptr;
    g_value_take_boxed (value,
                        priv->stats.to_structure ("daetalker-stats", "frames",
                                                  info ? info->device.c_str () : "",
                                                  info ? info->precision.c_str () : ""));
    break;
  }
  default:
    known = priv->settings.get (id, PROP_AVATAR, value);
  }
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
gst_speech2latent_init (GstSpeech2Latent *self)
{
  self->priv = new Private ();
  // Frames are made in generate_output; late ones are dropped where they cost more.
  gst_base_transform_set_passthrough (GST_BASE_TRANSFORM (self), FALSE);
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (self), FALSE);
}

static void
gst_speech2latent_finalize (GObject *object)
{
  delete GST_SPEECH2LATENT (object)->priv;
  G_OBJECT_CLASS (gst_speech2latent_parent_class)->finalize (object);
}

static void
install_properties (GObjectClass *klass)
{
  const guint flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;
  const auto ready = GParamFlags (flags | GST_PARAM_MUTABLE_READY);
  const auto playing = GParamFlags (flags | GST_PARAM_MUTABLE_PLAYING);
  const auto controlled = GParamFlags (playing | GST_PARAM_CONTROLLABLE);
  const auto readable = GParamFlags (G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  AvatarSettings::install (klass, PROP_AVATAR);
  g_object_class_install_property (
      klass, PROP_POSE_MODE,
      g_param_spec_enum ("pose-mode", "Pose mode", "Where the head's pose comes from",
                         gst_speech2latent_pose_mode_get_type (),
                         GST_SPEECH2LATENT_POSE_PREDICTED, playing));
  const struct {
    guint id;
    const gchar *name, *nick, *blurb;
  } angles[] = {
      {PROP_YAW, "yaw", "Yaw",
       "Turn of the head in degrees, to the person's left positive"},
      {PROP_PITCH, "pitch", "Pitch", "Nod of the head in degrees, up positive"},
      {PROP_ROLL, "roll", "Roll",
       "Tilt of the head in degrees, clockwise as seen positive"},
  };
  for (const auto &angle : angles)
    g_object_class_install_property (klass, angle.id,
                                     g_param_spec_float (angle.name, angle.nick,
                                                         angle.blurb, -180, 180, 0,
                                                         controlled));
  g_object_class_install_property (
      klass, PROP_MOTION_SCALE,
      g_param_spec_float ("motion-scale", "Motion scale",
                          "Scale of the predicted pose's excursions from rest", 0, 10, 1,
                          controlled));
  g_object_class_install_property (
      klass, PROP_SILENCE,
      g_param_spec_enum ("silence", "Silence",
                         "What the face does where there is no speech",
                         gst_speech2latent_silence_get_type (),
                         GST_SPEECH2LATENT_SILENCE_MODEL, playing));
  g_object_class_install_property (
      klass, PROP_LOOK_AHEAD,
      g_param_spec_int (
          "look-ahead", "Look-ahead",
          "Future features that a chunk sees, in milliseconds (-1: the avatar's own)", -1,
          60000, -1, ready));
  g_object_class_install_property (
      klass, PROP_LATENCY,
      g_param_spec_uint64 (
          "latency", "Latency",
          "Time that frames are held back, in nanoseconds (0 while no avatar is open)", 0,
          G_MAXUINT64, 0, readable));
  g_object_class_install_property (
      klass, PROP_STATS,
      g_param_spec_boxed (
          "stats", "Statistics",
          "frames, dropped, fps, p50-ms and p95-ms per frame, device, precision",
          GST_TYPE_STRUCTURE, readable));
}

static void
gst_speech2latent_class_init (GstSpeech2LatentClass *klass)
{
  GObjectClass *object = G_OBJECT_CLASS (klass);
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *trans = GST_BASE_TRANSFORM_CLASS (klass);
  GST_DEBUG_CATEGORY_INIT (speech2latent_debug, "speech2latent", 0,
                           "speech features to latents");

  object->set_property = gst_speech2latent_set_property;
  object->get_property = gst_speech2latent_get_property;
  object->finalize = gst_speech2latent_finalize;
  install_properties (object);
  gst_type_mark_as_plugin_api (gst_speech2latent_pose_mode_get_type (),
                               (GstPluginAPIFlags)0);
  gst_type_mark_as_plugin_api (gst_speech2latent_silence_get_type (),
                               (GstPluginAPIFlags)0);

  gst_element_class_set_static_metadata (
      element, "Speech to latent", "Filter/Metadata",
      "Turns speech features into latents and head poses of a talking face",
      "gst-daetalker developers");
  gst_element_class_add_static_pad_template (element, &sink_template);
  gst_element_class_add_static_pad_template (element, &src_template);
  gst_element_class_add_static_pad_template (element, &pose_template);
  element->change_state = GST_DEBUG_FUNCPTR (gst_speech2latent_change_state);
  element->request_new_pad = GST_DEBUG_FUNCPTR (gst_speech2latent_request_new_pad);
  element->release_pad = GST_DEBUG_FUNCPTR (gst_speech2latent_release_pad);

  trans->transform_caps = GST_DEBUG_FUNCPTR (gst_speech2latent_transform_caps);
  trans->accept_caps = GST_DEBUG_FUNCPTR (gst_speech2latent_accept_caps);
  trans->fixate_caps = GST_DEBUG_FUNCPTR (gst_speech2latent_fixate_caps);
  trans->set_caps = GST_DEBUG_FUNCPTR (gst_speech2latent_set_caps);
  trans->submit_input_buffer = GST_DEBUG_FUNCPTR (gst_speech2latent_submit_input_buffer);
  trans->generate_output = GST_DEBUG_FUNCPTR (gst_speech2latent_generate_output);
  trans->sink_event = GST_DEBUG_FUNCPTR (gst_speech2latent_sink_event);
  trans->query = GST_DEBUG_FUNCPTR (gst_speech2latent_query);
}
