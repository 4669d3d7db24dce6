// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-daeencode
 * @title: daeencode
 * @short_description: encodes pictures of a face as latents
 *
 * The semantic encoder of a diffusion autoencoder: one latent vector for each
 * picture, which daerender turns back into a picture (reenactment, tests,
 * training).  The picture is the avatar's size and square-pixelled RGB; put
 * videoconvert and videoscale before it.  The pose that goes with each latent is
 * the avatar's rest pose: the encoder does not measure it.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 v4l2src ! videoconvert ! videoscale ! daeencode ! daerender !
 * videoconvert ! autovideosink
 * ]|
 */
#include "gstdaeencode.h"

#include <gst/video/video.h>

#include <cmath>
#include <memory>
#include <mutex>

#include "avatarsettings.h"
#include "computepromise.h"
#include "engineloader.h"
#include "framestats.h"
#include "ratecaps.h"
#include "streamtime.h"
#include "tensorcaps.h"
#include "videoview.h"

GST_DEBUG_CATEGORY_STATIC (gst_dae_encode_debug);
#define GST_CAT_DEFAULT gst_dae_encode_debug

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE (
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS ("video/x-raw, format=(string)RGB, width=(int)[ 1, 16384 ], "
                     "height=(int)[ 1, 16384 ], "
                     "framerate=(fraction)[ 0/1, 2147483647/1 ], "
                     "pixel-aspect-ratio=(fraction)1/1"));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (DAETALKER_LATENT_CAPS));

enum {
  PROP_FIRST_AVATAR = 1,
  PROP_COMPUTE_TIME = PROP_FIRST_AVATAR + AvatarSettings::count,
  PROP_LATENCY,
  PROP_STATS,
};

namespace {

struct Private {
  AvatarSettings settings; // under the object lock

  std::mutex mutex; // for `avatar`
  std::shared_ptr<daetalker::Avatar> avatar;
  FrameStats stats;
  ComputePromise promise;

  AvatarSettings opened_with; // of `avatar`; in state changes only

  // Streaming thread only.
  std::unique_ptr<daetalker::ImageEncoder> encoder;
  GstVideoInfo info{};

  std::shared_ptr<daetalker::Avatar> get_avatar ()
  {
    std::lock_guard<std::mutex> lock (mutex);
    return avatar;
  }

  void set_avatar (std::shared_ptr<daetalker::Avatar> value)
  {
    std::lock_guard<std::mutex> lock (mutex);
    avatar = std::move (value);
  }
};

} // namespace

struct _GstDaeEncode {
  GstBaseTransform parent;
  Private *priv;
};

G_DEFINE_FINAL_TYPE (GstDaeEncode, gst_dae_encode, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE (daeencode, "daeencode", GST_RANK_NONE, GST_TYPE_DAE_ENCODE)

#define parent_class gst_dae_encode_parent_class

// ---- properties --------------------------------------------------------------

static void
gst_dae_encode_set_property (GObject *object, guint id, const GValue *value,
                             GParamSpec *pspec)
{
  GstDaeEncode *self = GST_DAE_ENCODE (object);
  Private *priv = self->priv;
  if (id == PROP_COMPUTE_TIME) {
    priv->promise.set (GST_ELEMENT (self), value);
    return;
  }
  GST_OBJECT_LOCK (self);
  const bool known = priv->settings.set (id, PROP_FIRST_AVATAR, value);
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
gst_dae_encode_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstDaeEncode *self = GST_DAE_ENCODE (object);
  Private *priv = self->priv;
  GST_OBJECT_LOCK (self);
  const AvatarSettings settings = priv->settings;
  GST_OBJECT_UNLOCK (self);
  switch (id) {
  case PROP_COMPUTE_TIME:
    priv->promise.get (value);
    break;
  case PROP_LATENCY:
    g_value_set_uint64 (value, priv->promise.time ());
    break;
  case PROP_STATS: {
    const auto avatar = priv->get_avatar ();
    const std::string device = avatar ? avatar->info ().device : settings.options.device;
    const std::string precision =
        avatar ? avatar->info ().precision : settings.options.precision;
    g_value_take_boxed (value,
                        priv->stats.to_structure ("daetalker-stats", "encoded",
                                                  device.c_str (), precision.c_str ()));
    break;
  }
  default:
    if (!settings.get (id, PROP_FIRST_AVATAR, value))
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

// ---- states ------------------------------------------------------------------

// Opens the avatar unless the one at hand is what the settings ask for.
static bool
open_avatar (GstDaeEncode *self)
{
  Private *priv = self->priv;
  GST_OBJECT_LOCK (self);
  const AvatarSettings settings = priv->settings;
  GST_OBJECT_UNLOCK (self);
  if (priv->get_avatar () != nullptr && settings == priv->opened_with)
    return true;
  return daetalker_guard (GST_ELEMENT (self), false, [&] {
    priv->set_avatar (settings.open (GST_ELEMENT (self)));
    priv->opened_with = settings;
    return true;
  });
}

static GstStateChangeReturn
gst_dae_encode_change_state (GstElement *element, GstStateChange transition)
{
  GstDaeEncode *self = GST_DAE_ENCODE (element);
  Private *priv = self->priv;
  if ((transition == GST_STATE_CHANGE_NULL_TO_READY ||
       transition == GST_STATE_CHANGE_READY_TO_PAUSED) &&
      !open_avatar (self))
    return GST_STATE_CHANGE_FAILURE;
  const GstStateChangeReturn result =
      GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_READY_TO_NULL ||
      (transition == GST_STATE_CHANGE_NULL_TO_READY &&
       result == GST_STATE_CHANGE_FAILURE))
    priv->set_avatar (nullptr);
  return result;
}

// Opens the encoder, runs it warm, and measures it.
static gboolean
gst_dae_encode_start (GstBaseTransform *trans)
{
  GstDaeEncode *self = GST_DAE_ENCODE (trans);
  Private *priv = self->priv;
  return daetalker_guard (GST_ELEMENT (self), FALSE, [&] () -> gboolean {
    const auto avatar = priv->get_avatar ();
    const daetalker::AvatarInfo &info = avatar->info ();
    priv->encoder = avatar->open_image_encoder ();
    priv->stats.clear ();

    std::vector<std::uint8_t> grey ((gsize)info.width * info.height * 3, 128);
    std::vector<float> latent (info.latent_size);
    daetalker::ImageView view;
    view.format = daetalker::PixelFormat::rgb;
    view.width = info.width;
    view.height = info.height;
    view.plane[0] = grey.data ();
    view.stride[0] = info.width * 3;
    gint64 begin = 0;
    for (int run = 0; run < 2; run++) {
      begin = g_get_monotonic_time ();
      priv->encoder->encode (view, latent.data ());
    }
    priv->promise.start ((GstClockTime)(g_get_monotonic_time () - begin) * GST_USECOND);
    return TRUE;
  });
}

static gboolean
gst_dae_encode_stop (GstBaseTransform *trans)
{
  GST_DAE_ENCODE (trans)->priv->encoder.reset ();
  return TRUE;
}

// ---- caps --------------------------------------------------------------------

static GstCaps *
gst_dae_encode_transform_caps (GstBaseTransform *trans, GstPadDirection direction,
                               GstCaps *caps, GstCaps *filter)
{
  const auto avatar = GST_DAE_ENCODE (trans)->priv->get_avatar ();
  GstCaps *model;
  if (avatar == nullptr) {
    model = gst_static_pad_template_get_caps (direction == GST_PAD_SINK ? &src_template
                                                                        : &sink_template);
  } else if (direction == GST_PAD_SINK) {
    const daetalker::AvatarInfo &info = avatar->info ();
    model = daetalker_latent_caps_new (info.latent_size, 0, 0, info.hash.c_str ());
  } else {
    model = gst_caps_make_writable (gst_static_pad_template_get_caps (&sink_template));
    gst_caps_set_simple (model, "width", G_TYPE_INT, avatar->info ().width, "height",
                         G_TYPE_INT, avatar->info ().height, nullptr);
  }

  return daetalker_caps_at_rates (model, caps, filter);
}

static gboolean
gst_dae_encode_set_caps (GstBaseTransform *trans, GstCaps *incaps, GstCaps *outcaps)
{
  (void)outcaps;
  Private *priv = GST_DAE_ENCODE (trans)->priv;
  if (!gst_video_info_from_caps (&priv->info, incaps))
    return FALSE;
  const auto avatar = priv->get_avatar ();
  const daetalker::AvatarInfo &info = avatar->info ();
  if (priv->info.width == info.width && priv->info.height == info.height)
    return TRUE;
  GST_ELEMENT_ERROR (
      trans, CORE, NEGOTIATION,
      ("The pictures are %dx%d and %s wants %dx%d. Put videoscale before daeencode.",
       priv->info.width, priv->info.height, info.path.c_str (), info.width, info.height),
      (nullptr));
  return FALSE;
}

// Pictures may come with any strides.
static gboolean
gst_dae_encode_propose_allocation (GstBaseTransform *trans, GstQuery *decide,
                                   GstQuery *query)
{
  if (!GST_BASE_TRANSFORM_CLASS (parent_class)->propose_allocation (trans, decide, query))
    return FALSE;
  GstCaps *caps = nullptr;
  gboolean need_pool = FALSE;
  gst_query_parse_allocation (query, &caps, &need_pool);
  GstVideoInfo info;
  if (caps == nullptr || !gst_video_info_from_caps (&info, caps))
    return FALSE;
  g_autoptr (GstBufferPool) pool = nullptr;
  if (need_pool) {
    pool = gst_video_buffer_pool_new ();
    GstStructure *config = gst_buffer_pool_get_config (pool);
    gst_buffer_pool_config_set_params (config, caps, (guint)info.size, 0, 0);
    if (!gst_buffer_pool_set_config (pool, config))
      return FALSE;
  }
  gst_query_add_allocation_pool (query, pool, (guint)info.size, 0, 0);
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, nullptr);
  return TRUE;
}

static gboolean
gst_dae_encode_query (GstBaseTransform *trans, GstPadDirection direction, GstQuery *query)
{
  if (GST_QUERY_TYPE (query) == GST_QUERY_LATENCY && direction == GST_PAD_SRC)
    return daetalker_answer_latency (GST_BASE_TRANSFORM_SINK_PAD (trans), query,
                                     GST_DAE_ENCODE (trans)->priv->promise.time ());
  return GST_BASE_TRANSFORM_CLASS (parent_class)->query (trans, direction, query);
}

// ---- frames ------------------------------------------------------------------

static GstFlowReturn
gst_dae_encode_submit_input_buffer (GstBaseTransform *trans, gboolean is_discont,
                                    GstBuffer *input)
{
  const GstFlowReturn result = GST_BASE_TRANSFORM_CLASS (parent_class)
                                   ->submit_input_buffer (trans, is_discont, input);
  if (result == GST_BASE_TRANSFORM_FLOW_DROPPED)
    GST_DAE_ENCODE (trans)->priv->stats.drop ();
  return result;
}

// One memory per tensor.
static GstFlowReturn
gst_dae_encode_prepare_output_buffer (GstBaseTransform *trans, GstBuffer *input,
                                      GstBuffer **output)
{
  const auto avatar = GST_DAE_ENCODE (trans)->priv->get_avatar ();
  GstBuffer *buffer = gst_buffer_new ();
  const gsize sizes[] = {(gsize)avatar->info ().latent_size, 3};
  for (gsize size : sizes)
    gst_buffer_append_memory (
        buffer, gst_allocator_alloc (nullptr, size * sizeof (float), nullptr));
  *output = buffer;
  return GST_BASE_TRANSFORM_CLASS (parent_class)->copy_metadata (trans, input, buffer)
             ? GST_FLOW_OK
             : GST_FLOW_ERROR;
}

static GstFlowReturn
gst_dae_encode_transform (GstBaseTransform *trans, GstBuffer *input, GstBuffer *output)
{
  GstDaeEncode *self = GST_DAE_ENCODE (trans);
  Private *priv = self->priv;
  return daetalker_guard (GST_ELEMENT (self), GST_FLOW_ERROR, [&] {
    const auto avatar = priv->get_avatar ();
    const daetalker::AvatarInfo &info = avatar->info ();
    std::vector<float> latent (info.latent_size);
    const gint64 begin = g_get_monotonic_time ();
    {
      const MappedVideoFrame frame (priv->info, input, GST_MAP_READ);
      priv->encoder->encode (frame.view (), latent.data ());
    }
    const auto spent = (GstClockTime)(g_get_monotonic_time () - begin) * GST_USECOND;
    priv->stats.add (spent);
    priv->promise.watch (GST_ELEMENT (self), priv->stats, spent);
    const gsize size = latent.size () * sizeof (float);
    gst_buffer_fill (output, 0, latent.data (), size);
    gst_buffer_fill (output, size, info.rest_pose.data (), sizeof (info.rest_pose));
    return GST_FLOW_OK;
  });
}

// ---- class -------------------------------------------------------------------

static void
gst_dae_encode_finalize (GObject *object)
{
  delete GST_DAE_ENCODE (object)->priv;
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_dae_encode_init (GstDaeEncode *self)
{
  self->priv = new Private ();
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (self), TRUE);
}

static void
gst_dae_encode_class_init (GstDaeEncodeClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *trans_class = GST_BASE_TRANSFORM_CLASS (klass);
  GST_DEBUG_CATEGORY_INIT (gst_dae_encode_debug, "daeencode", 0, "faces to latents");

  object_class->set_property = gst_dae_encode_set_property;
  object_class->get_property = gst_dae_encode_get_property;
  object_class->finalize = gst_dae_encode_finalize;
  AvatarSettings::install (object_class, PROP_FIRST_AVATAR, GST_PARAM_MUTABLE_READY);
  ComputePromise::install (object_class, PROP_COMPUTE_TIME);
  daetalker_install_readings (object_class, PROP_LATENCY, PROP_STATS);

  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (
      element_class, "Diffusion autoencoder encoder", "Converter/Video/Metadata",
      "Encodes pictures of a face as latents", "The gst-daetalker authors");
  element_class->change_state = GST_DEBUG_FUNCPTR (gst_dae_encode_change_state);

  trans_class->start = GST_DEBUG_FUNCPTR (gst_dae_encode_start);
  trans_class->stop = GST_DEBUG_FUNCPTR (gst_dae_encode_stop);
  trans_class->transform_caps = GST_DEBUG_FUNCPTR (gst_dae_encode_transform_caps);
  trans_class->set_caps = GST_DEBUG_FUNCPTR (gst_dae_encode_set_caps);
  trans_class->propose_allocation = GST_DEBUG_FUNCPTR (gst_dae_encode_propose_allocation);
  trans_class->query = GST_DEBUG_FUNCPTR (gst_dae_encode_query);
  trans_class->submit_input_buffer =
      GST_DEBUG_FUNCPTR (gst_dae_encode_submit_input_buffer);
  trans_class->prepare_output_buffer =
      GST_DEBUG_FUNCPTR (gst_dae_encode_prepare_output_buffer);
  trans_class->transform = GST_DEBUG_FUNCPTR (gst_dae_encode_transform);
}
