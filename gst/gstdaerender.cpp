// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-daerender
 * @title: daerender
 * @short_description: renders a talking face from latents
 *
 * The decoder of a diffusion autoencoder: one picture for each latent vector, by
 * `steps` evaluations of the network, all started from the avatar's one noise
 * image, so that equal latents give equal pictures.  Size and rate are the avatar's
 * and the stream's; RGB is full range, YUV is limited range with chroma averaged
 * over 2x2 pixels (chroma-site jpeg).
 *
 * With `steps` 0 a frame gets as many evaluations as there is time for: the most that
 * take less than 70 % of the time between two frames, as measured while it runs.
 *
 * With `batch`, for files that nobody watches meanwhile, several pictures are drawn at
 * the same time, one to a CPU core.
 *
 * Where latents hardly change, as in silence, the last picture is shown again
 * (`still-threshold`).  A frame that is too late is not rendered (property `qos`, QoS
 * message); time goes on.  A new `avatar` is loaded while the old one renders and takes
 * over between two frames.  Pictures are marked as synthetic media: stream tags, and a
 * meta on each buffer.
 *
 * Where the avatar runs on a GPU, pictures stay there if downstream takes
 * memory:CUDAMemory (NV12 and RGBA).  The element joins the CUDA context of its
 * neighbours, or offers them the engine's own, in which nothing is copied.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=100 ! videoconvert ! videoscale ! daeencode !
 * daerender ! videoconvert ! autovideosink
 * ]|
 */
#include "gstdaerender.h"

#include <gst/video/video.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <memory>
#include <utility>

#include "avatarsettings.h"
#include "computepromise.h"
#include "devicememory.h"
#include "engineloader.h"
#include "framedeadline.h"
#include "framelot.h"
#include "framestats.h"
#include "picturecaps.h"
#include "ratecaps.h"
#include "rendermodel.h"
#include "stepchoice.h"
#include "stillpicture.h"
#include "streamtime.h"
#include "syntheticmeta.h"
#include "tensorcaps.h"
#include "videoview.h"

using daetalker::Error;
using daetalker::ErrorCode;

GST_DEBUG_CATEGORY_STATIC (gst_dae_render_debug);
#define GST_CAT_DEFAULT gst_dae_render_debug

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE (
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS (DAETALKER_LATENT_CAPS "; " DAETALKER_FEATURES_CAPS));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (DAETALKER_VIDEO_CAPS));

enum {
  PROP_FIRST_AVATAR = 1,
  PROP_STEPS = PROP_FIRST_AVATAR + AvatarSettings::count,
  PROP_COMPUTE_TIME,
  PROP_STILL_THRESHOLD,
  PROP_PROVENANCE,
  PROP_BATCH,
  PROP_LATENCY,
  PROP_STATS,
};

namespace {

constexpr gint default_steps = 1;
// Below it no byte of a silent picture of the shipped avatar was seen to differ by more
// than 3.
constexpr gdouble default_still_threshold = 0.02;

struct Settings {
  AvatarSettings avatar;
  gint steps = default_steps;
  gdouble still_threshold = default_still_threshold;
  gboolean provenance = TRUE;
  gboolean batch = FALSE;
};

struct Private {
  explicit Private (GstElement *element)
      : model (element), device_memory (daetalker_device_memory_new (element))
  {
  }

  Settings settings; // under the object lock
  RenderModelSlot model;
  const std::unique_ptr<DeviceMemory> device_memory;
  FrameStats stats;
  ComputePromise promise;
  FrameDeadline deadline;

  // Streaming thread only.
  GstVideoInfo info{};
  bool on_device = false;    // the pictures of `info`
  bool few_pictures = false; // downstream's pool is limited
  bool live = false;
  gsize latent_size = 0, buffer_size = 0;
  FrameLot lot;
  StillPicture still;
  StepChoice choice; // of `timed_avatar`
  // What the times in `stats` are of.
  const daetalker::Avatar *timed_avatar = nullptr;
  std::atomic<int> timed_steps{0};
  bool warm = false; // the streaming thread has drawn
  GstTagList *upstream_tags = nullptr;
  bool tagged = false;
};

} // namespace

struct _GstDaeRender {
  GstBaseTransform parent;
  Private *priv;
};

G_DEFINE_FINAL_TYPE_WITH_CODE (GstDaeRender, gst_dae_render, GST_TYPE_BASE_TRANSFORM,
                               G_IMPLEMENT_INTERFACE (GST_TYPE_PRESET, nullptr))
GST_ELEMENT_REGISTER_DEFINE (daerender, "daerender", GST_RANK_NONE, GST_TYPE_DAE_RENDER)

#define parent_class gst_dae_render_parent_class

static Settings
get_settings (GstDaeRender *self)
{
  GST_OBJECT_LOCK (self);
  Settings settings = self->priv->settings;
  GST_OBJECT_UNLOCK (self);
  return settings;
}

// ---- properties --------------------------------------------------------------

static void
set_steps (GstDaeRender *self, gint steps)
{
  if (auto avatar = self->priv->model.avatar ()) {
    try {
      daetalker_check_steps (avatar->info (), steps);
    } catch (const Error &error) {
      GST_ELEMENT_WARNING (self, LIBRARY, SETTINGS, ("%s.", error.what ()), (nullptr));
      return;
    }
  }
  GST_OBJECT_LOCK (self);
  self->priv->settings.steps = steps;
  GST_OBJECT_UNLOCK (self);
}

// The property shows the avatar in use, not one that was refused.
static void
restore_avatar (GstElement *element, const std::string &refused, const std::string &kept)
{
  GstDaeRender *self = GST_DAE_RENDER (element);
  GST_OBJECT_LOCK (self);
  if (self->priv->settings.avatar.avatar == refused)
    self->priv->settings.avatar.avatar = kept;
  GST_OBJECT_UNLOCK (self);
  g_object_notify (G_OBJECT (self), "avatar");
}

static void
gst_dae_render_set_property (GObject *object, guint id, const GValue *value,
                             GParamSpec *pspec)
{
  GstDaeRender *self = GST_DAE_RENDER (object);
  Private *priv = self->priv;
  switch (id) {
  case PROP_STEPS:
    set_steps (self, g_value_get_int (value));
    return;
  case PROP_COMPUTE_TIME:
    priv->promise.set (GST_ELEMENT (self), value);
    return;
  case PROP_STILL_THRESHOLD:
    GST_OBJECT_LOCK (self);
    priv->settings.still_threshold = g_value_get_double (value);
    GST_OBJECT_UNLOCK (self);
    return;
  case PROP_PROVENANCE:
    GST_OBJECT_LOCK (self);
    priv->settings.provenance = g_value_get_boolean (value);
    GST_OBJECT_UNLOCK (self);
    if (!g_value_get_boolean (value))
      GST_WARNING_OBJECT (self, "pictures are no longer marked as synthetic media");
    return;
  case PROP_BATCH:
    GST_OBJECT_LOCK (self);
    priv->settings.batch = g_value_get_boolean (value);
    GST_OBJECT_UNLOCK (self);
    return;
  default:
    break;
  }

  GST_OBJECT_LOCK (self);
  const std::string before = priv->settings.avatar.avatar;
  const bool known = priv->settings.avatar.set (id, PROP_FIRST_AVATAR, value);
  const Settings after = priv->settings;
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  else if (after.avatar.avatar != before)
    priv->model.load (after.avatar, after.steps, restore_avatar);
}

static void
gst_dae_render_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstDaeRender *self = GST_DAE_RENDER (object);
  Private *priv = self->priv;
  switch (id) {
  case PROP_STEPS:
    g_value_set_int (value, get_settings (self).steps);
    return;
  case PROP_COMPUTE_TIME:
    priv->promise.get (value);
    return;
  case PROP_STILL_THRESHOLD:
    g_value_set_double (value, get_settings (self).still_threshold);
    return;
  case PROP_PROVENANCE:
    g_value_set_boolean (value, get_settings (self).provenance);
    return;
  case PROP_BATCH:
    g_value_set_boolean (value, get_settings (self).batch);
    return;
  case PROP_LATENCY:
    g_value_set_uint64 (value, priv->promise.time ());
    return;
  case PROP_STATS: {
    const auto avatar = priv->model.avatar ();
    const Settings settings = get_settings (self);
    const std::string device =
        avatar ? avatar->info ().device : settings.avatar.options.device;
    const std::string precision =
        avatar ? avatar->info ().precision : settings.avatar.options.precision;
    GstStructure *stats = priv->stats.to_structure ("daetalker-stats", "rendered",
                                                    device.c_str (), precision.c_str ());
    gst_structure_set (stats, "steps", G_TYPE_INT, (gint)priv->timed_steps, nullptr);
    g_value_take_boxed (value, stats);
    return;
  }
  default:
    break;
  }
  GST_OBJECT_LOCK (self);
  const bool known = priv->settings.avatar.get (id, PROP_FIRST_AVATAR, value);
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

// ---- states ------------------------------------------------------------------

static GstStateChangeReturn
gst_dae_render_change_state (GstElement *element, GstStateChange transition)
{
  GstDaeRender *self = GST_DAE_RENDER (element);
  if (transition == GST_STATE_CHANGE_NULL_TO_READY) {
    const Settings settings = get_settings (self);
    const bool opened = daetalker_guard (element, false, [&] {
      Private *priv = self->priv;
      priv->model.open (settings.avatar, settings.steps);
      priv->device_memory->open (priv->model.avatar ()->info ().device);
      return true;
    });
    if (!opened)
      return GST_STATE_CHANGE_FAILURE;
  }
  const GstStateChangeReturn result =
      GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_READY_TO_NULL ||
      (transition == GST_STATE_CHANGE_NULL_TO_READY &&
       result == GST_STATE_CHANGE_FAILURE)) {
    self->priv->device_memory->close ();
    self->priv->model.close ();
  }
  return result;
}

static void
gst_dae_render_set_context (GstElement *element, GstContext *context)
{
  GST_DAE_RENDER (element)->priv->device_memory->set_context (context);
  GST_ELEMENT_CLASS (parent_class)->set_context (element, context);
}

static gboolean
gst_dae_render_start (GstBaseTransform *trans)
{
  GstDaeRender *self = GST_DAE_RENDER (trans);
  Private *priv = self->priv;
  priv->model.wait_for_loads ();
  const Settings settings = get_settings (self);
  return daetalker_guard (GST_ELEMENT (self), FALSE, [&] () -> gboolean {
    priv->model.start (settings.avatar, settings.steps);
    priv->device_memory->open (priv->model.current ().info ().device);
    priv->promise.start (priv->model.current ().measured);
    priv->timed_avatar = nullptr;
    priv->warm = false;
    priv->stats.clear ();
    priv->tagged = false;
    return TRUE;
  });
}

static gboolean
gst_dae_render_stop (GstBaseTransform *trans)
{
  Private *priv = GST_DAE_RENDER (trans)->priv;
  priv->lot.clear ();
  priv->model.stop ();
  priv->still.clear ();
  gst_clear_tag_list (&priv->upstream_tags);
  return TRUE;
}

// ---- caps --------------------------------------------------------------------

// The frame rate is the stream's, whatever else the caps say.
static GstCaps *
gst_dae_render_transform_caps (GstBaseTransform *trans, GstPadDirection direction,
                               GstCaps *caps, GstCaps *filter)
{
  Private *priv = GST_DAE_RENDER (trans)->priv;
  const auto avatar = priv->model.avatar ();
  GstCaps *model = direction == GST_PAD_SINK
                       ? gst_static_pad_template_get_caps (&src_template)
                       : gst_static_pad_template_get_caps (&sink_template);
  model = gst_caps_make_writable (model);
  g_autoptr (GstCaps) possible = gst_caps_ref (caps);
  // Before an avatar is open nobody knows.
  if (avatar != nullptr && !priv->device_memory->available ()) {
    model = daetalker_without_device_memory (model);
    possible = daetalker_without_device_memory (possible);
  }
  // 0/1 is no rate to render at.
  gst_caps_set_simple (model, "framerate", GST_TYPE_FRACTION_RANGE, 1, G_MAXINT, G_MAXINT,
                       1, nullptr);
  if (direction == GST_PAD_SINK && avatar != nullptr) {
    const daetalker::AvatarInfo &info = avatar->info ();
    gst_caps_set_simple (model, "width", G_TYPE_INT, info.width, "height", G_TYPE_INT,
                         info.height, nullptr);
  }

  return daetalker_caps_at_rates (model, possible, filter);
}

static GstCaps *
gst_dae_render_fixate_caps (GstBaseTransform *trans, GstPadDirection direction,
                            GstCaps *caps, GstCaps *othercaps)
{
  (void)trans;
  (void)direction;
  (void)caps;
  return daetalker_fixate_picture_caps (othercaps);
}

static gboolean
refuse (GstDaeRender *self, const gchar *reason, const GstCaps *caps)
{
  GST_ELEMENT_ERROR (self, CORE, NEGOTIATION,
                     ("These latents are not for this avatar: %s.", reason),
                     ("caps %" GST_PTR_FORMAT, caps));
  return FALSE;
}

// The time of a frame depends on how many evaluations there is time for.
static void
choose_steps (GstDaeRender *self)
{
  Private *priv = self->priv;
  const RenderModel &model = priv->model.current ();
  if (model.avatar.get () != priv->timed_avatar) {
    priv->choice.start (model.info ().steps, model.measured_steps, model.measured);
    priv->timed_avatar = model.avatar.get ();
    priv->stats.restart_times ();
  }
  priv->choice.set_period (
      gst_util_uint64_scale (GST_SECOND, priv->info.fps_d, MAX (priv->info.fps_n, 1)));
  if (get_settings (self).steps == 0 && priv->stats.count () == 0) {
    priv->promise.start (priv->choice.expected ());
    daetalker_post_latency (GST_ELEMENT (self));
  }
}

// A thread's first evaluation takes several times as long as the next ones: its memory is
// new.  Caps come before the first latent.
static gboolean
warm_thread (GstDaeRender *self)
{
  Private *priv = self->priv;
  if (priv->warm)
    return TRUE;
  priv->warm = true;
  return daetalker_guard (GST_ELEMENT (self), FALSE, [&] {
    const RenderModel &model = priv->model.current ();
    model.renderer->warm_up (model.info ().steps.front ());
    return TRUE;
  });
}

static gboolean
gst_dae_render_set_caps (GstBaseTransform *trans, GstCaps *incaps, GstCaps *outcaps)
{
  GstDaeRender *self = GST_DAE_RENDER (trans);
  Private *priv = self->priv;
  gint tensors = 0;
  gst_structure_get_int (gst_caps_get_structure (incaps, 0), "num_tensors", &tensors);
  TensorCaps parsed;
  g_autofree gchar *reason = nullptr;
  if (!daetalker_tensor_caps_parse (incaps, (guint)CLAMP (tensors, 1, 2), &parsed,
                                    &reason))
    return refuse (self, reason, incaps);
  if (parsed.tensor_id != nullptr &&
      !g_str_equal (parsed.tensor_id, DAETALKER_LATENT_ID)) {
    reason = g_strdup_printf ("the stream holds %s; put speech2latent before daerender",
                              parsed.tensor_id);
    return refuse (self, reason, incaps);
  }
  if (!priv->model.negotiate (parsed.model_hash != nullptr ? parsed.model_hash : "")) {
    reason = g_strdup_printf (
        "they were made for the autoencoder %.12s, and %s holds %.12s; set the same "
        "avatar on both elements",
        parsed.model_hash, priv->model.current ().info ().path.c_str (),
        priv->model.current ().info ().hash.c_str ());
    return refuse (self, reason, incaps);
  }
  const daetalker::AvatarInfo &info = priv->model.current ().info ();
  if (parsed.size != (guint)info.latent_size) {
    reason = g_strdup_printf ("they have %u numbers and %s wants %d", parsed.size,
                              info.path.c_str (), info.latent_size);
    return refuse (self, reason, incaps);
  }
  if (!gst_video_info_from_caps (&priv->info, outcaps))
    return FALSE;
  priv->on_device = daetalker_is_on_device (outcaps, 0);
  priv->still.clear ();
  choose_steps (self);
  priv->latent_size = info.latent_size;
  priv->buffer_size = (info.latent_size + (tensors == 2 ? 3 : 0)) * sizeof (float);
  return warm_thread (self);
}

static gboolean
gst_dae_render_decide_allocation (GstBaseTransform *trans, GstQuery *query)
{
  GstDaeRender *self = GST_DAE_RENDER (trans);
  const gboolean decided =
      daetalker_guard (GST_ELEMENT (self), FALSE, [&] () -> gboolean {
        if (!self->priv->on_device)
          return daetalker_decide_system_allocation (query, self->priv->few_pictures);
        self->priv->device_memory->decide_allocation (query);
        return TRUE;
      });
  return decided &&
         GST_BASE_TRANSFORM_CLASS (parent_class)->decide_allocation (trans, query);
}

// ---- frames ------------------------------------------------------------------

// The base class says nothing.
static GstFlowReturn
gst_dae_render_prepare_output_buffer (GstBaseTransform *trans, GstBuffer *input,
                                      GstBuffer **output)
{
  const GstFlowReturn flow = GST_BASE_TRANSFORM_CLASS (parent_class)
                                 ->prepare_output_buffer (trans, input, output);
  if (flow == GST_FLOW_ERROR)
    daetalker_post_error (
        GST_ELEMENT (trans),
        Error (ErrorCode::no_memory,
               GST_DAE_RENDER (trans)->priv->on_device ? "GPU memory" : "memory",
               "there is none for a picture", "Free some of it"),
        GST_MESSAGE_ERROR);
  return flow;
}

// NONE where the stream does not count in time.
static GstClockTime
running_time_of (GstBaseTransform *trans, GstBuffer *input)
{
  return trans->segment.format == GST_FORMAT_TIME
             ? gst_segment_to_running_time (&trans->segment, GST_FORMAT_TIME,
                                            GST_BUFFER_PTS (input))
             : GST_CLOCK_TIME_NONE;
}

// Of the pipeline; NONE where it does not run.
static GstClockTime
running_time_now (GstElement *element)
{
  g_autoptr (GstClock) clock = gst_element_get_clock (element);
  if (clock == nullptr || GST_STATE (element) != GST_STATE_PLAYING)
    return GST_CLOCK_TIME_NONE;
  const GstClockTime now = gst_clock_get_time (clock);
  return now - MIN (now, gst_element_get_base_time (element));
}

static std::vector<float>
read_latent (Private *priv, GstBuffer *buffer)
{
  const gsize size = gst_buffer_get_size (buffer);
  if (size != priv->buffer_size)
    throw Error (ErrorCode::failed, "latent stream",
                 "a buffer has " + std::to_string (size) + " bytes and its caps say " +
                     std::to_string (priv->buffer_size),
                 "Repair whatever writes the stream");
  std::vector<float> latent (priv->latent_size);
  gst_buffer_extract (buffer, 0, latent.data (), latent.size () * sizeof (float));
  for (float value : latent)
    if (!std::isfinite (value))
      throw Error (ErrorCode::failed, "latent stream", "a latent holds NaN or infinity",
                   "Repair whatever writes the stream");
  return latent;
}

static void
mark (Private *priv, const Settings &settings, GstBuffer *output)
{
  if (settings.provenance)
    daetalker_synthetic_meta_add (output, priv->model.current ().info ());
}

namespace {

struct Frame {
  GstBuffer *latent, *picture;
};

struct Work {
  std::vector<float> latent;
  GstBuffer *picture;
};

} // namespace

// False if `stop` said so first.
static bool
render (Private *priv, const std::vector<Work> &works, int steps,
        const daetalker::Stop &stop)
{
  daetalker::Renderer &renderer = *priv->model.current ().renderer;
  const auto one = [&] (const Work &work, const daetalker::ImageView &view) {
    return renderer.render (work.latent.data (), steps, view, stop);
  };
  if (priv->on_device)
    return std::all_of (works.begin (), works.end (), [&] (const Work &work) {
      return priv->device_memory->write (
          priv->info, work.picture,
          [&] (const daetalker::ImageView &view) { return one (work, view); });
    });
  std::deque<MappedVideoFrame> mapped;
  std::vector<daetalker::Drawing> drawings;
  for (const Work &work : works) {
    mapped.emplace_back (priv->info, work.picture, GST_MAP_WRITE);
    drawings.push_back ({work.latent.data (), mapped.back ().view ()});
  }
  // One alone may be drawn together with those of other streams.
  return drawings.size () == 1 ? one (works[0], drawings[0].out)
                               : renderer.render_all (drawings, steps, stop);
}

// Successive frames.
static GstFlowReturn
draw (GstDaeRender *self, const std::vector<Frame> &frames)
{
  GstBaseTransform *trans = GST_BASE_TRANSFORM (self);
  Private *priv = self->priv;
  const Settings settings = get_settings (self);
  const auto draw_them = [&] {
    priv->model.take_next ();
    RenderModel &model = priv->model.current ();
    if (model.avatar.get () != priv->timed_avatar)
      choose_steps (self);
    const int steps = settings.steps > 0 ? settings.steps : priv->choice.steps ();
    if (steps != priv->timed_steps)
      priv->stats.restart_times ();
    priv->timed_steps = steps;
    // A GPU draws as quickly as it would copy.
    const bool keeps = settings.still_threshold > 0 && !priv->on_device;

    std::vector<Work> works;
    for (const Frame &frame : frames) {
      std::vector<float> latent = read_latent (priv, frame.latent);
      if (priv->still.looks_like (model.avatar, latent, steps, settings.still_threshold))
        continue;
      if (keeps)
        priv->still.expect (model.avatar, latent, steps);
      works.push_back ({std::move (latent), frame.picture});
    }
    const gint64 begin = g_get_monotonic_time ();
    const auto flushing = [trans] {
      return GST_PAD_IS_FLUSHING (GST_BASE_TRANSFORM_SINK_PAD (trans)) != 0;
    };
    if (!works.empty () && !render (priv, works, steps, flushing))
      return GST_FLOW_FLUSHING;
    const auto spent = (GstClockTime)(g_get_monotonic_time () - begin) * GST_USECOND /
                       MAX (works.size (), 1);

    auto work = works.begin ();
    for (const Frame &frame : frames) {
      if (work != works.end () && work->picture == frame.picture) {
        priv->stats.add (spent);
        if (settings.steps == 0)
          priv->choice.add (spent);
        priv->promise.watch (GST_ELEMENT (self), priv->stats, spent);
        priv->deadline.drawn (running_time_of (trans, frame.latent),
                              running_time_now (GST_ELEMENT (self)), spent);
        if (keeps)
          priv->still.keep (priv->info, frame.picture);
        ++work;
      } else {
        priv->still.copy_to (frame.picture);
        priv->stats.repeat ();
      }
      mark (priv, settings, frame.picture);
    }
    return GST_FLOW_OK;
  };
  const GstFlowReturn flow =
      daetalker_guard (GST_ELEMENT (self), GST_FLOW_ERROR, draw_them);
  if (flow != GST_FLOW_OK)
    priv->still.clear (); // what it expects was not drawn
  return flow;
}

static GstFlowReturn
gst_dae_render_transform (GstBaseTransform *trans, GstBuffer *input, GstBuffer *output)
{
  return draw (GST_DAE_RENDER (trans), {{input, output}});
}

// ---- several at once ---------------------------------------------------------

// Frames that are drawn together.  One, where they would need more pictures than there
// are, and where the time of each says what the next one gets.
static gsize
frames_at_once (GstDaeRender *self)
{
  Private *priv = self->priv;
  const Settings settings = get_settings (self);
  if (!settings.batch || priv->live || priv->few_pictures || priv->on_device ||
      settings.steps == 0)
    return 1;
  return (gsize)priv->model.current ().renderer->at_once ();
}

static GstFlowReturn
draw_lot (GstDaeRender *self)
{
  GstBaseTransform *trans = GST_BASE_TRANSFORM (self);
  const std::vector<BufferPtr> latents = self->priv->lot.take ();
  std::vector<Frame> frames;
  std::vector<BufferPtr> pictures;
  for (const BufferPtr &latent : latents) {
    GstBuffer *picture = nullptr;
    const GstFlowReturn prepared =
        GST_BASE_TRANSFORM_GET_CLASS (self)->prepare_output_buffer (trans, latent.get (),
                                                                    &picture);
    if (prepared != GST_FLOW_OK)
      return prepared;
    frames.push_back ({latent.get (), picture});
    pictures.emplace_back (picture);
  }
  const GstFlowReturn flow = draw (self, frames);
  if (flow == GST_FLOW_OK)
    self->priv->lot.put (std::move (pictures));
  return flow;
}

// Sends what is held back, before what comes now.
static GstFlowReturn
drain (GstDaeRender *self)
{
  Private *priv = self->priv;
  GstFlowReturn flow = priv->lot.waiting () > 0 ? draw_lot (self) : GST_FLOW_OK;
  while (flow == GST_FLOW_OK) {
    BufferPtr picture = priv->lot.next ();
    if (picture == nullptr)
      break;
    flow = gst_pad_push (GST_BASE_TRANSFORM_SRC_PAD (self), picture.release ());
  }
  priv->lot.clear ();
  return flow;
}

// Before an event.  The end is the last that can be said of a flow.
static void
drain_before (GstDaeRender *self, GstEventType event)
{
  const GstFlowReturn flow = drain (self);
  if (event == GST_EVENT_EOS && (flow == GST_FLOW_NOT_LINKED || flow < GST_FLOW_EOS))
    GST_ELEMENT_FLOW_ERROR (self, flow);
}

static GstFlowReturn
gst_dae_render_generate_output (GstBaseTransform *trans, GstBuffer **output)
{
  GstDaeRender *self = GST_DAE_RENDER (trans);
  Private *priv = self->priv;
  const gsize wanted = frames_at_once (self);
  if (wanted == 1 && priv->lot.is_empty ())
    return GST_BASE_TRANSFORM_CLASS (parent_class)->generate_output (trans, output);
  *output = nullptr;
  if (trans->queued_buf != nullptr) {
    priv->lot.drop_pictures (); // of a lot whose first ones were refused
    priv->lot.add (BufferPtr (std::exchange (trans->queued_buf, nullptr)));
    if (priv->lot.waiting () >= wanted) {
      const GstFlowReturn flow = draw_lot (self);
      if (flow != GST_FLOW_OK)
        return flow;
    }
  }
  *output = priv->lot.next ().release ();
  return GST_FLOW_OK;
}

// The base class leaves out frames up to one that came too late, and says so in a QoS
// message; we count them, and say which ones will come too late.
static GstFlowReturn
gst_dae_render_submit_input_buffer (GstBaseTransform *trans, gboolean is_discont,
                                    GstBuffer *input)
{
  GstDaeRender *self = GST_DAE_RENDER (trans);
  Private *priv = self->priv;
  // Behind a new negotiation there may be fewer pictures than a lot needs.
  if (!priv->lot.is_empty () &&
      (GST_BUFFER_IS_DISCONT (input) ||
       gst_pad_needs_reconfigure (GST_BASE_TRANSFORM_SRC_PAD (trans)))) {
    const GstFlowReturn drained = drain (self);
    if (drained != GST_FLOW_OK) {
      gst_buffer_unref (input);
      return drained;
    }
  }
  const GstClockTime frame = running_time_of (trans, input);
  const GstClockTime now = running_time_now (GST_ELEMENT (trans));
  if (GST_CLOCK_TIME_IS_VALID (frame) && GST_BUFFER_DURATION_IS_VALID (input) &&
      GST_CLOCK_TIME_IS_VALID (now) &&
      priv->deadline.misses (frame, GST_BUFFER_DURATION (input), now))
    gst_base_transform_update_qos (trans, 1, 0, frame);
  const GstFlowReturn result = GST_BASE_TRANSFORM_CLASS (parent_class)
                                   ->submit_input_buffer (trans, is_discont, input);
  if (result == GST_BASE_TRANSFORM_FLOW_DROPPED)
    priv->stats.drop ();
  return result;
}

// ---- events and queries ------------------------------------------------------

static GstEvent *
new_tag_event (GstDaeRender *self)
{
  Private *priv = self->priv;
  priv->tagged = true;
  return gst_event_new_tag (
      daetalker_synthetic_tags_new (priv->model.current ().info (), priv->upstream_tags));
}

// Why there are no caps that both sides know, where we know it.
static void
explain_refusal (GstDaeRender *self)
{
  DeviceMemory &memory = *self->priv->device_memory;
  g_autoptr (GstCaps) wanted =
      gst_pad_peer_query_caps (GST_BASE_TRANSFORM_SRC_PAD (self), nullptr);
  if (memory.available () || gst_caps_is_empty (wanted))
    return;
  wanted = daetalker_without_device_memory (wanted);
  if (gst_caps_is_empty (wanted))
    GST_ELEMENT_ERROR (
        self, CORE, NEGOTIATION,
        ("Downstream takes pictures in GPU memory only, and there are none: "
         "%s. Put cudaupload behind the face.",
         memory.reason ().c_str ()),
        (nullptr));
}

static gboolean
gst_dae_render_sink_event (GstBaseTransform *trans, GstEvent *event)
{
  GstDaeRender *self = GST_DAE_RENDER (trans);
  Private *priv = self->priv;
  const GstEventType type = GST_EVENT_TYPE (event);
  const bool provenance = get_settings (self).provenance;

  if (type == GST_EVENT_FLUSH_STOP)
    priv->lot.clear ();
  else if (GST_EVENT_IS_SERIALIZED (event))
    drain_before (self, type);
  if (type == GST_EVENT_SEGMENT)
    priv->live = daetalker_is_live (GST_BASE_TRANSFORM_SINK_PAD (trans));
  if (type == GST_EVENT_SEGMENT || type == GST_EVENT_FLUSH_STOP)
    priv->deadline.reset ();
  if (type == GST_EVENT_STREAM_START) {
    gst_clear_tag_list (&priv->upstream_tags);
    priv->tagged = false;
  } else if (type == GST_EVENT_TAG && provenance) {
    GstTagList *tags = nullptr;
    gst_event_parse_tag (event, &tags);
    if (gst_tag_list_get_scope (tags) == GST_TAG_SCOPE_STREAM) {
      // It would take the place of our own tags.
      gst_tag_list_replace (&priv->upstream_tags, tags);
      gst_event_take (&event, new_tag_event (self));
    }
  }
  const gboolean handled =
      GST_BASE_TRANSFORM_CLASS (parent_class)->sink_event (trans, event);
  if (type == GST_EVENT_CAPS && !handled)
    explain_refusal (self);
  if (type == GST_EVENT_SEGMENT && provenance && !priv->tagged)
    gst_pad_push_event (GST_BASE_TRANSFORM_SRC_PAD (trans), new_tag_event (self));
  return handled;
}

static gboolean
gst_dae_render_src_event (GstBaseTransform *trans, GstEvent *event)
{
  FrameDeadline &deadline = GST_DAE_RENDER (trans)->priv->deadline;
  if (GST_EVENT_TYPE (event) == GST_EVENT_QOS) {
    GstClockTimeDiff lateness;
    GstClockTime frame;
    gst_event_parse_qos (event, nullptr, nullptr, &lateness, &frame);
    deadline.observe (frame, lateness);
  } else if (GST_EVENT_TYPE (event) == GST_EVENT_LATENCY) {
    GstClockTime latency;
    gst_event_parse_latency (event, &latency);
    deadline.set_latency (latency);
  }
  return GST_BASE_TRANSFORM_CLASS (parent_class)->src_event (trans, event);
}

static gboolean
gst_dae_render_query (GstBaseTransform *trans, GstPadDirection direction, GstQuery *query)
{
  if (GST_QUERY_TYPE (query) == GST_QUERY_LATENCY && direction == GST_PAD_SRC)
    return daetalker_answer_latency (GST_BASE_TRANSFORM_SINK_PAD (trans), query,
                                     GST_DAE_RENDER (trans)->priv->promise.time ());
  if (GST_QUERY_TYPE (query) == GST_QUERY_CONTEXT &&
      GST_DAE_RENDER (trans)->priv->device_memory->answer (query))
    return TRUE;
  return GST_BASE_TRANSFORM_CLASS (parent_class)->query (trans, direction, query);
}

// ---- class -------------------------------------------------------------------

static void
gst_dae_render_finalize (GObject *object)
{
  delete GST_DAE_RENDER (object)->priv;
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_dae_render_init (GstDaeRender *self)
{
  self->priv = new Private (GST_ELEMENT (self));
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (self), TRUE);
}

static void
install_properties (GObjectClass *klass)
{
  AvatarSettings::install (klass, PROP_FIRST_AVATAR);
  const auto playing = GParamFlags (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                    GST_PARAM_MUTABLE_PLAYING);
  g_object_class_install_property (
      klass, PROP_STEPS,
      g_param_spec_int (
          "steps", "Steps",
          "Evaluations of the network for each frame; the avatar says which "
          "values it knows (0: as many as there is time for, 1: live, 100: as published)",
          0, 1000, default_steps, playing));
  ComputePromise::install (klass, PROP_COMPUTE_TIME);
  g_object_class_install_property (
      klass, PROP_STILL_THRESHOLD,
      g_param_spec_double (
          "still-threshold", "Still threshold",
          "How little latents may differ (standard deviations, root mean square) for the "
          "last picture to be shown again; 0: every frame is drawn",
          0, 1, default_still_threshold, playing));
  g_object_class_install_property (
      klass, PROP_PROVENANCE,
      g_param_spec_boolean (
          "provenance", "Provenance",
          "Mark the pictures as synthetic media (stream tags and a meta "
          "on each buffer)",
          TRUE, playing));
  daetalker_install_batch (klass, PROP_BATCH);
  daetalker_install_readings (klass, PROP_LATENCY, PROP_STATS);
}

static void
gst_dae_render_class_init (GstDaeRenderClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *trans_class = GST_BASE_TRANSFORM_CLASS (klass);
  GST_DEBUG_CATEGORY_INIT (gst_dae_render_debug, "daerender", 0, "latents to faces");

  object_class->set_property = gst_dae_render_set_property;
  object_class->get_property = gst_dae_render_get_property;
  object_class->finalize = gst_dae_render_finalize;
  install_properties (object_class);

  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (
      element_class, "Diffusion autoencoder renderer", "Converter/Metadata/Video",
      "Renders a talking face from latents", "The gst-daetalker authors");
  element_class->change_state = GST_DEBUG_FUNCPTR (gst_dae_render_change_state);
  element_class->set_context = GST_DEBUG_FUNCPTR (gst_dae_render_set_context);

  trans_class->start = GST_DEBUG_FUNCPTR (gst_dae_render_start);
  trans_class->stop = GST_DEBUG_FUNCPTR (gst_dae_render_stop);
  trans_class->transform_caps = GST_DEBUG_FUNCPTR (gst_dae_render_transform_caps);
  trans_class->fixate_caps = GST_DEBUG_FUNCPTR (gst_dae_render_fixate_caps);
  trans_class->set_caps = GST_DEBUG_FUNCPTR (gst_dae_render_set_caps);
  trans_class->decide_allocation = GST_DEBUG_FUNCPTR (gst_dae_render_decide_allocation);
  trans_class->sink_event = GST_DEBUG_FUNCPTR (gst_dae_render_sink_event);
  trans_class->src_event = GST_DEBUG_FUNCPTR (gst_dae_render_src_event);
  trans_class->query = GST_DEBUG_FUNCPTR (gst_dae_render_query);
  trans_class->submit_input_buffer =
      GST_DEBUG_FUNCPTR (gst_dae_render_submit_input_buffer);
  trans_class->prepare_output_buffer =
      GST_DEBUG_FUNCPTR (gst_dae_render_prepare_output_buffer);
  trans_class->transform = GST_DEBUG_FUNCPTR (gst_dae_render_transform);
  trans_class->generate_output = GST_DEBUG_FUNCPTR (gst_dae_render_generate_output);
}
