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
 * tensors [3] on the request pad `pose` say, nearest in time (stream; before the first
 * one the head is at rest), or not at all (still).  Given poses are limited to the
 * range seen in training.
 *
 * The face blinks as often as the person does (`blink-rate`), and a predicted pose sways
 * a little (`idle-motion`), in speech and in pauses; the same `seed` gives the same face.
 *
 * A pose that comes late is not waited for in a live pipeline.  Otherwise frames wait for
 * it, until the pad `pose` has reached their time by a pose, a gap or its end; so a
 * file gives the same face every time.  Both streams therefore need threads of their own:
 * put a queue before each where they come from one element.  When no pose comes
 * for 5 seconds, a warning says so and the face goes on with the last one.
 *
 * A new `avatar` is loaded while the old one goes on, and takes over between two
 * frames if sizes, rates and speech encoder are the same; otherwise a warning says
 * why the old one stays.  Other elements have to change with it: the field
 * `model-hash` of the caps names the autoencoder.
 *
 * The action signal `rest` is for interruptions: the face goes to rest within three
 * frames, whatever speech has come in so far, and speaks what comes afterwards.
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

#include <memory>

#include "avatarsettings.h"
#include "bargein.h"
#include "computepromise.h"
#include "engineloader.h"
#include "framestats.h"
#include "latentavatar.h"
#include "latentcaps.h"
#include "latenttrack.h"
#include "motionsettings.h"
#include "posetrack.h"
#include "streamtime.h"
#include "tensorcaps.h"

GST_DEBUG_CATEGORY_STATIC (speech2latent_debug);
#define GST_CAT_DEFAULT speech2latent_debug

using daetalker::Avatar;
using daetalker::AvatarInfo;
using daetalker::Pose;

namespace {

enum {
  PROP_0,
  PROP_AVATAR,                                       // and the rest of AvatarSettings
  PROP_MOTION = PROP_AVATAR + AvatarSettings::count, // and the rest of MotionSettings
  PROP_LOOK_AHEAD = PROP_MOTION + MotionSettings::count,
  PROP_BATCH,
  PROP_LATENCY,
  PROP_STATS,
};

constexpr GstClockTime tolerance = 40 * GST_MSECOND;

// Native frames that are computed together with `batch`: reading the weights is most of
// what one alone costs.
constexpr guint64 frames_at_once = 8;

enum {
  SIGNAL_REST,
  N_SIGNALS,
};

guint signals[N_SIGNALS];

#define POSE_CAPS DAETALKER_TENSORS_CAPS ("1", "float32")

GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE (
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS (DAETALKER_FEATURES_CAPS));
GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (DAETALKER_LATENT_CAPS));
GstStaticPadTemplate pose_template = GST_STATIC_PAD_TEMPLATE (
    "pose", GST_PAD_SINK, GST_PAD_REQUEST, GST_STATIC_CAPS (POSE_CAPS));

struct Private {
  explicit Private (GstElement *element) : avatar (element) {}

  // Under the object lock.
  AvatarSettings settings;
  MotionSettings motion;
  int look_ahead_ms = -1;
  int look_ahead_in_use = -1; // a running stream keeps its window
  bool batch = false;
  bool streaming = false;            // PAUSED or PLAYING
  std::shared_ptr<Avatar> announced; // whose hash the source pad's caps carry
  int rate_num = 0, rate_den = 1;    // of the source pad; 0 before caps
  int feature_chunk = 1;             // features that come at once
  GstClockTime latency = 0;          // but for the time to compute
  bool bounded = false;              // there is a latency

  LatentAvatarSlot avatar;
  PoseTrack poses;
  BargeIn barge_in;
  FrameStats stats;
  FrameStats chunks; // how long they take
  ComputePromise promise;

  // Streaming thread, or before and after it.
  LatentTrack track;
  GstClockTime anchor = GST_CLOCK_TIME_NONE; // time of the track's start
  bool live = false;                         // nothing is waited for
  GstClockTime share = 0;                    // of a frame, in the last computation
  gint64 waited = 0;                         // microseconds, for poses, in all
  bool unwanted = false;                     // the frame in the making: a flush came
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

// ---- avatar ----------------------------------------------------------------------

// With the object lock held.
static GstClockTime
latency_of (const Private *priv)
{
  return priv->bounded ? priv->latency + priv->promise.time () : 0;
}

// Computes the latency; says so on the bus if it has changed.
static void
update_latency (GstSpeech2Latent *self)
{
  Private *priv = self->priv;
  const auto avatar = priv->avatar.current ();
  GST_OBJECT_LOCK (self);
  const GstClockTime before = latency_of (priv);
  priv->latency = 0;
  priv->bounded = false;
  if (avatar != nullptr) {
    const daetalker::Window window = LatentTrack::window (
        avatar->info (), priv->streaming ? priv->look_ahead_in_use : priv->look_ahead_ms);
    priv->latency = LatentTrack::latency (avatar->info (), window, priv->feature_chunk,
                                          priv->rate_num, priv->rate_den);
    priv->bounded = window.chunk > 0;
  }
  const bool changed = before != latency_of (priv);
  GST_OBJECT_UNLOCK (self);
  if (changed)
    daetalker_post_latency (GST_ELEMENT (self));
}

static gboolean
open_avatar (GstSpeech2Latent *self)
{
  GST_OBJECT_LOCK (self);
  const AvatarSettings settings = self->priv->settings;
  GST_OBJECT_UNLOCK (self);
  const gboolean opened = daetalker_guard (GST_ELEMENT (self), FALSE, [&] {
    self->priv->avatar.open (settings);
    return TRUE;
  });
  update_latency (self);
  return opened;
}

static gboolean
open_track (GstSpeech2Latent *self)
{
  Private *priv = self->priv;
  const auto avatar = priv->avatar.current ();
  GST_OBJECT_LOCK (self);
  priv->announced = avatar;
  priv->streaming = true;
  const int look_ahead_ms = priv->look_ahead_in_use = priv->look_ahead_ms;
  const guint seed = priv->motion.seed;
  GST_OBJECT_UNLOCK (self);
  priv->stats.clear ();
  priv->chunks.clear ();
  priv->barge_in.clear ();
  priv->poses.set_flushing (false);
  priv->avatar.start ();
  return daetalker_guard (GST_ELEMENT (self), FALSE, [&] {
    priv->track.open (avatar, LatentTrack::window (avatar->info (), look_ahead_ms), seed);
    priv->promise.start (priv->track.time_chunk ());
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
  priv->avatar.stop ();
  std::shared_ptr<Avatar> announced; // freed outside of the lock
  GST_OBJECT_LOCK (self);
  priv->streaming = false;
  priv->announced.swap (announced);
  priv->rate_num = 0;
  priv->feature_chunk = 1;
  GST_OBJECT_UNLOCK (self);
  update_latency (self);
}

static GstStateChangeReturn
gst_speech2latent_change_state (GstElement *element, GstStateChange transition)
{
  GstSpeech2Latent *self = GST_SPEECH2LATENT (element);
  if (transition == GST_STATE_CHANGE_NULL_TO_READY ||
      transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    if (!open_avatar (self))
      return GST_STATE_CHANGE_FAILURE;
  }
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !open_track (self))
    return GST_STATE_CHANGE_FAILURE;
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    self->priv->poses.set_flushing (true); // or the pads would wait for the wait

  const GstStateChangeReturn result = GST_ELEMENT_CLASS (gst_speech2latent_parent_class)
                                          ->change_state (element, transition);

  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED &&
       result == GST_STATE_CHANGE_FAILURE)) {
    close_track (self);
  } else if (transition == GST_STATE_CHANGE_READY_TO_NULL) {
    self->priv->avatar.close ();
    update_latency (self);
  }
  return result;
}

// Streaming thread, between two frames.
static void
take_next_avatar (GstSpeech2Latent *self)
{
  Private *priv = self->priv;
  const auto next = priv->avatar.take_next ();
  if (next == nullptr)
    return;
  GST_OBJECT_LOCK (self);
  const int look_ahead_ms = priv->look_ahead_in_use;
  GST_OBJECT_UNLOCK (self);
  priv->track.swap (next, LatentTrack::window (next->info (), look_ahead_ms));
  GST_INFO_OBJECT (self, "avatar %s takes over", next->info ().path.c_str ());
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
  auto avatar = priv->announced;
  GST_OBJECT_UNLOCK (self);
  if (avatar == nullptr)
    avatar = priv->avatar.current ();

  GstCaps *result =
      daetalker_latent_pad_caps (avatar ? &avatar->info () : nullptr,
                                 direction == GST_PAD_SRC ? GST_PAD_SINK : GST_PAD_SRC);
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
  const auto avatar = self->priv->avatar.current ();
  if (direction == GST_PAD_SINK && avatar != nullptr)
    gst_structure_fixate_field_nearest_fraction (gst_caps_get_structure (othercaps, 0),
                                                 "framerate", avatar->info ().fps.num,
                                                 avatar->info ().fps.den);
  return gst_caps_fixate (othercaps);
}

static gboolean
gst_speech2latent_set_caps (GstBaseTransform *trans, GstCaps *incaps, GstCaps *outcaps)
{
  GstSpeech2Latent *self = GST_SPEECH2LATENT (trans);
  Private *priv = self->priv;
  TensorCaps in, out;
  if (!daetalker_tensor_caps_parse (incaps, 1, &in, nullptr) ||
      !daetalker_tensor_caps_parse (outcaps, 2, &out, nullptr) || out.rate_num <= 0)
    return FALSE;
  priv->track.set_rate (out.rate_num, out.rate_den);
  GST_OBJECT_LOCK (self);
  priv->rate_num = out.rate_num;
  priv->rate_den = out.rate_den;
  priv->feature_chunk = in.chunk;
  GST_OBJECT_UNLOCK (self);
  update_latency (self);
  return TRUE;
}

// FALSE, with an error on the bus, if the features are not what the avatar was
// trained on.
static gboolean
check_features (GstSpeech2Latent *self, const GstCaps *caps)
{
  const auto avatar = self->priv->avatar.current ();
  const std::string reason = daetalker_features_misfit (avatar->info (), caps);
  if (reason.empty ())
    return TRUE;
  GST_ELEMENT_ERROR (self, STREAM, WRONG_TYPE,
                     ("This stream does not fit the avatar %s: %s. Put speechfeatures in "
                      "front, with the "
                      "same avatar and without another encoder",
                      avatar->info ().path.c_str (), reason.c_str ()),
                     ("%" GST_PTR_FORMAT, caps));
  return FALSE;
}

// ---- data ------------------------------------------------------------------------

// Poses come from elsewhere, at their own pace.
static void
wait_for_pose (GstSpeech2Latent *self, GstClockTime running_time)
{
  Private *priv = self->priv;
  const gint64 begin = g_get_monotonic_time ();
  const PoseTrack::Wait result = priv->poses.wait (running_time);
  if (result == PoseTrack::Wait::flushing)
    priv->unwanted = true;
  if (result == PoseTrack::Wait::late)
    GST_ELEMENT_WARNING (
        self, STREAM, FAILED,
        ("No pose came at the pad pose for %d seconds; the head keeps the "
         "last one. If poses and speech come from one element, put a "
         "queue before each",
         (int)(PoseTrack::patience / GST_SECOND)),
        (nullptr));
  priv->waited += g_get_monotonic_time () - begin;
}

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

  const auto settings = [self, priv] {
    GST_OBJECT_LOCK (self);
    const MotionSettings copy = priv->motion;
    GST_OBJECT_UNLOCK (self);
    return copy;
  };
  MotionSettings motion = settings ();
  std::optional<Pose> streamed;
  if (motion.pose_mode == GST_SPEECH2LATENT_POSE_STREAM) {
    const GstClockTime running_time =
        gst_segment_to_running_time (segment, GST_FORMAT_TIME, time);
    if (!priv->live && GST_CLOCK_TIME_IS_VALID (running_time)) {
      wait_for_pose (self, running_time);
      motion = settings (); // of now
    }
    streamed = priv->poses.nearest (running_time);
  }
  motion.apply (priv->avatar.current ()->info (), streamed,
                priv->track.sway (motion.idle_motion), pose);
}

// How a frame is made that is made now.
static LatentTrack::Manner
current_manner (GstSpeech2Latent *self)
{
  Private *priv = self->priv;
  GST_OBJECT_LOCK (self);
  const MotionSettings &motion = priv->motion;
  // A pose is waited for as long as its own frame needs, no longer.
  const bool single =
      !priv->batch || priv->live || motion.pose_mode == GST_SPEECH2LATENT_POSE_STREAM;
  LatentTrack::Manner manner = {motion.silence == GST_SPEECH2LATENT_SILENCE_REST,
                                motion.blink_rate, 0, single ? 1 : frames_at_once};
  GST_OBJECT_UNLOCK (self);
  const GstClockTime position = gst_segment_position_from_running_time (
      &GST_BASE_TRANSFORM (self)->segment, GST_FORMAT_TIME, priv->barge_in.until ());
  if (GST_CLOCK_TIME_IS_VALID (position) && position > priv->anchor)
    manner.rest_until = position - priv->anchor;
  return manner;
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
    take_next_avatar (self);
    if (!GST_CLOCK_TIME_IS_VALID (priv->anchor))
      return GST_FLOW_OK;
    LatentTrack::Frame frame;
    priv->unwanted = false;
    const gint64 begin = g_get_monotonic_time () - priv->waited;
    const auto flushing = [self] {
      return self->priv->unwanted ||
             GST_PAD_IS_FLUSHING (GST_BASE_TRANSFORM_SINK_PAD (self));
    };
    const LatentTrack::Manner manner = current_manner (self);
    const bool single = manner.at_once == 1;
    const guint64 computed_before = priv->track.frames_computed ();
    const bool complete = priv->track.next (
        [self] (std::uint64_t index, Pose &pose) { control_pose (self, index, pose); },
        manner, frame, flushing);
    if (flushing ())
      return GST_FLOW_FLUSHING;
    if (!complete)
      return GST_FLOW_OK;
    const gint64 computed = g_get_monotonic_time () - priv->waited - begin;
    const GstClockTime spent = (GstClockTime)computed * GST_USECOND;
    const guint64 computed_frames = priv->track.frames_computed () - computed_before;
    if (computed_frames > 0)
      priv->share = spent / computed_frames;
    priv->stats.add (single ? spent : priv->share);
    if (computed_frames > 0 && single) {
      priv->chunks.add (spent);
      priv->promise.watch (GST_ELEMENT (self), priv->chunks, spent);
    }
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
    if (frame.index == 0)
      GST_BUFFER_FLAG_SET (*buffer, GST_BUFFER_FLAG_DISCONT);
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
  GstFlowReturn flow = GST_FLOW_OK;
  if (GST_CLOCK_TIME_IS_VALID (priv->anchor) && GST_CLOCK_TIME_IS_VALID (pts)) {
    const GstClockTime expected =
        priv->anchor + priv->track.feature_time (priv->track.features_pushed ());
    if (daetalker_is_jump (GST_ELEMENT (self), expected, pts, tolerance))
      flow = drain (self);
  }
  if (!GST_CLOCK_TIME_IS_VALID (priv->anchor))
    priv->anchor =
        GST_CLOCK_TIME_IS_VALID (pts) ? pts : GST_BASE_TRANSFORM (self)->segment.start;
  return flow;
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

  const auto avatar = priv->avatar.current ();
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
    priv->barge_in.hear (gst_segment_to_running_time (
        &trans->segment, GST_FORMAT_TIME,
        priv->anchor + priv->track.feature_time (priv->track.features_pushed ())));
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
  case GST_EVENT_SEGMENT:
    drain (self);
    event = daetalker_time_segment (GST_ELEMENT (self), event);
    self->priv->live = daetalker_is_live (trans->sinkpad);
    break;
  case GST_EVENT_GAP:
  case GST_EVENT_SEGMENT_DONE:
  case GST_EVENT_EOS:
    drain (self);
    break;
  case GST_EVENT_FLUSH_START:
    self->priv->poses.set_flushing (true);
    break;
  case GST_EVENT_FLUSH_STOP:
    self->priv->poses.set_flushing (false);
    forget (self->priv);
    self->priv->barge_in.clear ();
    break;
  default:
    break;
  }
  return event != nullptr && parent_class->sink_event (trans, event);
}

// Poses are sought with the speech.
static gboolean
gst_speech2latent_src_event (GstBaseTransform *trans, GstEvent *event)
{
  if (GST_EVENT_TYPE (event) == GST_EVENT_SEEK) {
    g_autoptr (GstPad) pose = gst_element_get_static_pad (GST_ELEMENT (trans), "pose");
    if (pose != nullptr && !gst_pad_push_event (pose, gst_event_ref (event)))
      GST_WARNING_OBJECT (trans, "the source of poses cannot be sought: they go on from "
                                 "where they were");
  }
  return parent_class->src_event (trans, event);
}

static gboolean
gst_speech2latent_query (GstBaseTransform *trans, GstPadDirection direction,
                         GstQuery *query)
{
  if (GST_QUERY_TYPE (query) != GST_QUERY_LATENCY || direction != GST_PAD_SRC)
    return parent_class->query (trans, direction, query);
  GST_OBJECT_LOCK (trans);
  const GstClockTime latency = latency_of (GST_SPEECH2LATENT (trans)->priv);
  GST_OBJECT_UNLOCK (trans);
  return daetalker_answer_latency (trans->sinkpad, query, latency);
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
  PoseTrack &poses = GST_SPEECH2LATENT (element)->priv->poses;
  gst_pad_set_active (pad, FALSE);
  gst_element_remove_pad (element, pad); // unlinks it
  poses.clear ();
}

// ---- rest ------------------------------------------------------------------------

void
gst_speech2latent_rest (GstSpeech2Latent *self, GstClockTime until)
{
  self->priv->barge_in.rest_until (until);
  GST_INFO_OBJECT (self, "at rest until %" GST_TIME_FORMAT, GST_TIME_ARGS (until));
}

// The action signal.
static void
gst_speech2latent_rest_now (GstSpeech2Latent *self)
{
  self->priv->barge_in.interrupt ();
}

// ---- object ----------------------------------------------------------------------

// The property shows the avatar in use, not one that was refused.
static void
restore_avatar (GstElement *element, const std::string &refused, const std::string &kept)
{
  AvatarSettings &settings = GST_SPEECH2LATENT (element)->priv->settings;
  GST_OBJECT_LOCK (element);
  if (settings.avatar == refused)
    settings.avatar = kept;
  GST_OBJECT_UNLOCK (element);
  g_object_notify (G_OBJECT (element), "avatar");
}

static void
gst_speech2latent_set_property (GObject *object, guint id, const GValue *value,
                                GParamSpec *pspec)
{
  GstSpeech2Latent *self = GST_SPEECH2LATENT (object);
  Private *priv = self->priv;
  bool known = true;
  GST_OBJECT_LOCK (self);
  const std::string before = priv->settings.avatar;
  if (id == PROP_BATCH)
    priv->batch = g_value_get_boolean (value);
  else if (id == PROP_LOOK_AHEAD)
    priv->look_ahead_ms = g_value_get_int (value);
  else
    known = priv->motion.set (id, PROP_MOTION, value) ||
            priv->settings.set (id, PROP_AVATAR, value);
  const AvatarSettings settings = priv->settings;
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  if (id == PROP_LOOK_AHEAD)
    update_latency (self);
  priv->poses.interrupt (); // its mode may have changed
  if (settings.avatar != before)
    priv->avatar.load (settings, restore_avatar);
}

static void
gst_speech2latent_get_property (GObject *object, guint id, GValue *value,
                                GParamSpec *pspec)
{
  GstSpeech2Latent *self = GST_SPEECH2LATENT (object);
  Private *priv = self->priv;
  const auto avatar = priv->avatar.current ();
  bool known = true;
  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_LOOK_AHEAD:
    g_value_set_int (value, priv->look_ahead_ms);
    break;
  case PROP_BATCH:
    g_value_set_boolean (value, priv->batch);
    break;
  case PROP_LATENCY:
    g_value_set_uint64 (value, latency_of (priv));
    break;
  case PROP_STATS:
    g_value_take_boxed (value,
                        priv->stats.to_structure (
                            "daetalker-stats", "frames",
                            avatar ? avatar->info ().speech_device.c_str () : "",
                            avatar ? avatar->info ().speech_precision.c_str () : ""));
    break;
  default:
    known = priv->motion.get (id, PROP_MOTION, value) ||
            priv->settings.get (id, PROP_AVATAR, value);
  }
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
gst_speech2latent_init (GstSpeech2Latent *self)
{
  self->priv = new Private (GST_ELEMENT (self));
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
  AvatarSettings::install (klass, PROP_AVATAR);
  MotionSettings::install (klass, PROP_MOTION);
  g_object_class_install_property (
      klass, PROP_LOOK_AHEAD,
      g_param_spec_int (
          "look-ahead", "Look-ahead",
          "Future features that a chunk sees, in milliseconds (-1: the avatar's own)", -1,
          60000, -1,
          GParamFlags (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                       GST_PARAM_MUTABLE_READY)));
  daetalker_install_batch (klass, PROP_BATCH);
  daetalker_install_readings (klass, PROP_LATENCY, PROP_STATS);
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
  /**
   * GstSpeech2Latent::rest:
   *
   * The face goes to rest within three frames, and stays there until speech that comes
   * in after this call.
   */
  signals[SIGNAL_REST] = g_signal_new_class_handler (
      "rest", GST_TYPE_SPEECH2LATENT, GSignalFlags (G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION),
      G_CALLBACK (gst_speech2latent_rest_now), nullptr, nullptr, nullptr, G_TYPE_NONE, 0);
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
  trans->src_event = GST_DEBUG_FUNCPTR (gst_speech2latent_src_event);
  trans->query = GST_DEBUG_FUNCPTR (gst_speech2latent_query);
}
