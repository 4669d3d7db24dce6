// SPDX-License-Identifier: LGPL-2.1-or-later
/**
 * SECTION:element-speechfeatures
 * @title: speechfeatures
 * @short_description: speech to the hidden states of a speech encoder
 *
 * Turns mono speech into feature frames (wav2vec 2.0, HuBERT: 50 frames a
 * second), one tensor buffer per frame.  The encoder is the avatar's own, or a
 * folder as Hugging Face writes it.
 *
 * The stream is cut into chunks that see some past and some future speech, so
 * the element holds speech back by chunk + look-ahead and the time to compute a
 * chunk, and reports exactly that.
 * At the end of the stream the missing future is silence and every sample is
 * covered: N samples give ceil(N / hop) frames, of which the last one's duration
 * ends where the speech ends.  A frame is stamped with the time of its first
 * sample; its receptive field is centred on the frame.
 *
 * Gaps of up to a minute become silence, so that the face idles; what is longer
 * is passed on as a gap event.  Timestamps that jump by more than the property
 * `tolerance` end the speech there and start anew, flagged DISCONT; smaller
 * jitter is ignored.  Buffers without timestamps count on from the last one.
 * Playing backwards is refused.  Frames without speech (peak below -60 dBFS)
 * carry the flag GAP.
 *
 * |[
 * gst-launch-1.0 filesrc location=speech.wav ! decodebin ! audioconvert ! audioresample !
 *   speechfeatures chunk-duration=0 ! filesink location=features.f32
 * ]| The whole file in one pass, as a matrix of float32 numbers.
 */
#include "gstspeechfeatures.h"

#include <gst/audio/audio.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "computepromise.h"
#include "engineloader.h"
#include "framestats.h"
#include "speechcounter.h"
#include "speechsettings.h"
#include "streamtime.h"
#include "tensorcaps.h"

GST_DEBUG_CATEGORY_STATIC (speech_features_debug);
#define GST_CAT_DEFAULT speech_features_debug

using daetalker::SpeechEncoder;
using daetalker::SpeechEncoderInfo;

namespace {

enum {
  PROP_0,
  PROP_SETTINGS, // the properties of SpeechSettings
  PROP_LATENCY = PROP_SETTINGS + SpeechSettings::count,
  PROP_STATS,
};

constexpr GstClockTime max_silence = 60 * GST_SECOND;
constexpr int longest_timed = 50; // frames of a chunk
constexpr GstClockTime silence_step = 100 * GST_MSECOND;

GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE (
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS ("audio/x-raw, format=(string)" GST_AUDIO_NE (
        F32) ", rate=(int)[ 1, MAX ], channels=(int)1, layout=(string)interleaved"));

GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (DAETALKER_FEATURES_CAPS));

struct Private {
  // Under the object lock.
  SpeechSettings settings;
  SpeechSettings opened_with;
  SpeechSettings::Opened opened; // from READY on
  daetalker::Window window;
  GstClockTime latency = 0; // but for the time to compute
  bool streaming = false;   // PAUSED or PLAYING
  bool warned_unbounded = false;

  // Under the stream lock.
  std::unique_ptr<daetalker::FeatureStream> stream; // from PAUSED on
  SpeechCounter counter;
  gsize slice = 0;        // samples that the stream is given at a time
  gsize feature_size = 0; // numbers per frame

  GstPadChainFunction base_chain = nullptr;
  FrameStats stats;
  FrameStats chunks; // how long they take
  ComputePromise promise;
};

} // namespace

struct _GstSpeechFeatures {
  GstAudioEncoder parent;
  Private *priv;
};

G_DEFINE_FINAL_TYPE (GstSpeechFeatures, gst_speech_features, GST_TYPE_AUDIO_ENCODER)
GST_ELEMENT_REGISTER_DEFINE (speechfeatures, "speechfeatures", GST_RANK_NONE,
                             GST_TYPE_SPEECH_FEATURES)

// ---- encoder and stream ------------------------------------------------------------

static std::shared_ptr<SpeechEncoder>
current_encoder (GstSpeechFeatures *self)
{
  GST_OBJECT_LOCK (self);
  auto encoder = self->priv->opened.encoder;
  GST_OBJECT_UNLOCK (self);
  return encoder;
}

// With the object lock held.
static GstClockTime
latency_of (const Private *priv)
{
  return priv->latency > 0 ? priv->latency + priv->promise.time () : 0;
}

// Computes window and latency, unless a stream is running, which keeps them; says so
// on the bus if the latency has changed.
static void
update_window (GstSpeechFeatures *self)
{
  Private *priv = self->priv;
  GST_OBJECT_LOCK (self);
  const GstClockTime before = priv->latency;
  if (priv->opened.encoder == nullptr) {
    priv->latency = 0;
  } else if (!priv->streaming) {
    const SpeechEncoderInfo &info = priv->opened.encoder->info ();
    priv->window = priv->settings.window (info);
    const guint64 frames = (guint64)(priv->window.chunk + priv->window.right);
    // One pass to the end of the stream has no bound.
    priv->latency =
        priv->window.chunk == 0
            ? 0
            : gst_util_uint64_scale (frames * info.hop, GST_SECOND, info.sample_rate);
  }
  const bool changed = before != priv->latency;
  GST_OBJECT_UNLOCK (self);
  if (changed)
    daetalker_post_latency (GST_ELEMENT (self));
}

static void
close_encoder (GstSpeechFeatures *self)
{
  SpeechSettings::Opened closed; // freed outside of the lock
  GST_OBJECT_LOCK (self);
  std::swap (self->priv->opened, closed);
  GST_OBJECT_UNLOCK (self);
  update_window (self);
}

// Opens the encoder unless the one at hand is what the settings ask for.
static gboolean
open_encoder (GstSpeechFeatures *self)
{
  Private *priv = self->priv;
  GST_OBJECT_LOCK (self);
  const SpeechSettings settings = priv->settings;
  const bool open =
      priv->opened.encoder == nullptr || !settings.opens_like (priv->opened_with);
  GST_OBJECT_UNLOCK (self);
  if (!open)
    return TRUE;
  return daetalker_guard (GST_ELEMENT (self), FALSE, [&] {
    auto opened = settings.open (GST_ELEMENT (self));
    GST_OBJECT_LOCK (self);
    std::swap (priv->opened, opened);
    priv->opened_with = settings;
    GST_OBJECT_UNLOCK (self);
    update_window (self);
    return TRUE;
  });
}

static void
close_stream (GstSpeechFeatures *self)
{
  Private *priv = self->priv;
  GST_AUDIO_ENCODER_STREAM_LOCK (self);
  priv->counter.forget ();
  priv->stream.reset ();
  GST_AUDIO_ENCODER_STREAM_UNLOCK (self);
  GST_OBJECT_LOCK (self);
  priv->streaming = false;
  GST_OBJECT_UNLOCK (self);
  update_window (self);
}

// How long a chunk takes, once caches and allocators are warm.  Of chunks that no live
// stream has, nothing: they would take long.
static GstClockTime
time_chunk (daetalker::FeatureStream &stream, const daetalker::Window &window, int hop)
{
  if (window.chunk == 0 || window.chunk > longest_timed)
    return 0;
  std::vector<float> silence ((gsize)((2 * window.chunk + window.right) * hop));
  std::vector<float> features;
  stream.push (silence.data (), silence.size ());
  stream.pull (features);
  const gint64 begin = g_get_monotonic_time ();
  stream.push (silence.data (), (gsize)(window.chunk * hop));
  stream.pull (features);
  const gint64 spent = g_get_monotonic_time () - begin;
  stream.reset ();
  return (GstClockTime)spent * GST_USECOND;
}

static gboolean
open_stream (GstSpeechFeatures *self)
{
  Private *priv = self->priv;
  const auto encoder = current_encoder (self);
  GST_OBJECT_LOCK (self);
  priv->streaming = true;
  priv->warned_unbounded = false;
  const daetalker::Window window = priv->window;
  GST_OBJECT_UNLOCK (self);

  const gboolean opened = daetalker_guard (GST_ELEMENT (self), FALSE, [&] {
    auto stream = encoder->open_stream (&window);
    const SpeechEncoderInfo &info = encoder->info ();
    priv->promise.start (time_chunk (*stream, window, info.hop));
    GST_AUDIO_ENCODER_STREAM_LOCK (self);
    priv->stream = std::move (stream);
    priv->counter.set_format (info.sample_rate, info.hop);
    priv->feature_size = (gsize)info.feature_size;
    // A chunk at a time, so that a flush need not wait for a long buffer.
    priv->slice = (gsize)(window.chunk > 0 ? window.chunk * info.hop : G_MAXINT);
    priv->stats.clear ();
    priv->chunks.clear ();
    GST_AUDIO_ENCODER_STREAM_UNLOCK (self);
    return TRUE;
  });
  if (!opened)
    close_stream (self);
  return opened;
}

static GstStateChangeReturn
gst_speech_features_change_state (GstElement *element, GstStateChange transition)
{
  GstSpeechFeatures *self = GST_SPEECH_FEATURES (element);

  if (transition == GST_STATE_CHANGE_NULL_TO_READY ||
      transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    if (!open_encoder (self))
      return GST_STATE_CHANGE_FAILURE;
  }
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !open_stream (self))
    return GST_STATE_CHANGE_FAILURE;

  const GstStateChangeReturn result = GST_ELEMENT_CLASS (gst_speech_features_parent_class)
                                          ->change_state (element, transition);

  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED &&
       result == GST_STATE_CHANGE_FAILURE))
    close_stream (self);
  else if (transition == GST_STATE_CHANGE_READY_TO_NULL)
    close_encoder (self);
  return result;
}

// ---- caps ------------------------------------------------------------------------

static GstCaps *
gst_speech_features_getcaps (GstAudioEncoder *encoder, GstCaps *filter)
{
  GstSpeechFeatures *self = GST_SPEECH_FEATURES (encoder);
  GstCaps *caps = gst_pad_get_pad_template_caps (encoder->sinkpad);
  const auto opened = current_encoder (self);
  if (opened != nullptr) {
    caps = gst_caps_make_writable (caps);
    gst_caps_set_simple (caps, "rate", G_TYPE_INT, opened->info ().sample_rate, nullptr);
  }
  if (filter != nullptr) {
    GstCaps *both = gst_caps_intersect_full (filter, caps, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref (caps);
    caps = both;
  }
  return caps;
}

static gboolean
gst_speech_features_set_format (GstAudioEncoder *encoder, GstAudioInfo *info)
{
  GstSpeechFeatures *self = GST_SPEECH_FEATURES (encoder);
  const auto opened = current_encoder (self);
  const SpeechEncoderInfo &speech = opened->info ();
  if (info->rate != speech.sample_rate)
    return FALSE;
  g_autoptr (GstCaps) caps = daetalker_features_caps_new (
      (guint)speech.feature_size, speech.sample_rate, speech.hop, speech.hash.c_str (),
      self->priv->window.chunk);
  // Said at once, so that all behind it is ready for the first frame.
  return gst_audio_encoder_set_output_format (encoder, caps) &&
         gst_audio_encoder_negotiate (encoder);
}

// ---- data ------------------------------------------------------------------------

static void
forget_speech (Private *priv)
{
  if (priv->stream != nullptr)
    priv->stream->reset ();
  priv->counter.forget ();
}

// Sends every frame that is complete.
static GstFlowReturn
send_frames (GstSpeechFeatures *self)
{
  Private *priv = self->priv;
  std::vector<float> features;
  const gint64 begin = g_get_monotonic_time ();
  const auto flushing = [self] {
    return GST_PAD_IS_FLUSHING (GST_AUDIO_ENCODER (self)->sinkpad) != 0;
  };
  const std::size_t count = priv->stream->pull (features, flushing);
  if (flushing ())
    return GST_FLOW_FLUSHING;
  if (count == 0)
    return GST_FLOW_OK;
  const auto spent = (GstClockTime)(g_get_monotonic_time () - begin) * GST_USECOND;
  if (count <= (gsize)priv->window.chunk) { // not all that was held back
    priv->chunks.add (spent);
    priv->promise.watch (GST_ELEMENT (self), priv->chunks, spent);
  }

  const gsize size = priv->feature_size * sizeof (float);
  for (std::size_t i = 0; i < count; i++) {
    priv->stats.add (spent / count);
    GstBuffer *buffer =
        gst_buffer_new_memdup (features.data () + i * priv->feature_size, size);
    // The samples were handed over already: 0 go with this buffer.
    const GstFlowReturn flow =
        gst_audio_encoder_finish_frame (GST_AUDIO_ENCODER (self), buffer, 0);
    if (flow != GST_FLOW_OK)
      return flow;
  }
  return GST_FLOW_OK;
}

// Ends the speech here: sends what is held back and starts anew.
static GstFlowReturn
drain (GstSpeechFeatures *self)
{
  Private *priv = self->priv;
  GstFlowReturn flow = GST_FLOW_OK;
  if (priv->counter.samples () > 0) {
    GST_DEBUG_OBJECT (self, "draining after %" G_GUINT64_FORMAT " samples",
                      priv->counter.samples ());
    flow = daetalker_guard (GST_ELEMENT (self), GST_FLOW_ERROR, [&] {
      priv->stream->finish ();
      return send_frames (self);
    });
  }
  forget_speech (priv);
  return flow;
}

// The base class hands over everything that it has; nullptr asks to drain.
static GstFlowReturn
gst_speech_features_handle_frame (GstAudioEncoder *encoder, GstBuffer *buffer)
{
  GstSpeechFeatures *self = GST_SPEECH_FEATURES (encoder);
  Private *priv = self->priv;
  if (buffer == nullptr)
    return drain (self);

  return daetalker_guard (GST_ELEMENT (self), GST_FLOW_ERROR, [&] () -> GstFlowReturn {
    std::vector<float> samples (gst_buffer_get_size (buffer) / sizeof (float));
    gst_buffer_extract (buffer, 0, samples.data (), samples.size () * sizeof (float));

    // Frees them in the base class at once: it would copy all that is pending
    // again for every buffer.
    GstFlowReturn flow =
        gst_audio_encoder_finish_frame (encoder, nullptr, (gint)samples.size ());

    for (gsize i = 0; flow == GST_FLOW_OK && i < samples.size (); i += priv->slice) {
      if (GST_PAD_IS_FLUSHING (encoder->sinkpad))
        return GST_FLOW_FLUSHING;
      const gsize count = std::min (priv->slice, samples.size () - i);
      priv->counter.add (samples.data () + i, count);
      priv->stream->push (samples.data () + i, count);
      flow = send_frames (self);
    }
    return flow;
  });
}

static GstFlowReturn
gst_speech_features_pre_push (GstAudioEncoder *encoder, GstBuffer **buffer)
{
  GST_SPEECH_FEATURES (encoder)->priv->counter.stamp (*buffer);
  return GST_FLOW_OK;
}

// Puts `buffer` where the sample counter says, or starts anew at its timestamp if
// that is too far away.  Takes the buffer; leaves nullptr if it lies outside of
// the segment.
static GstFlowReturn
align (GstSpeechFeatures *self, GstBuffer **buffer)
{
  SpeechCounter &counter = self->priv->counter;
  GstAudioEncoder *encoder = GST_AUDIO_ENCODER (self);
  *buffer =
      gst_audio_buffer_clip (*buffer, &encoder->input_segment,
                             current_encoder (self)->info ().sample_rate, sizeof (float));
  if (*buffer == nullptr)
    return GST_FLOW_OK;

  GstFlowReturn flow = GST_FLOW_OK;
  const GstClockTime pts = GST_BUFFER_PTS (*buffer);
  if (counter.is_started () && GST_CLOCK_TIME_IS_VALID (pts) &&
      daetalker_is_jump (GST_ELEMENT (self), counter.next_time (), pts,
                         (GstClockTime)gst_audio_encoder_get_tolerance (encoder)))
    flow = drain (self);
  if (!counter.is_started ())
    counter.start (GST_CLOCK_TIME_IS_VALID (pts) ? pts : encoder->input_segment.start);

  *buffer = gst_buffer_make_writable (*buffer);
  GST_BUFFER_PTS (*buffer) = counter.next_time ();
  return flow;
}

// In front of the base class's own: timestamps are settled before it sees them.
static GstFlowReturn
gst_speech_features_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstSpeechFeatures *self = GST_SPEECH_FEATURES (parent);
  GST_AUDIO_ENCODER_STREAM_LOCK (self);
  GstFlowReturn flow = align (self, &buffer);
  if (flow != GST_FLOW_OK)
    gst_clear_buffer (&buffer);
  else if (buffer != nullptr)
    flow = self->priv->base_chain (pad, parent, buffer);
  GST_AUDIO_ENCODER_STREAM_UNLOCK (self);
  return flow;
}

// ---- events and queries ----------------------------------------------------------

// Feeds [begin, end) as silence.
static GstFlowReturn
feed_silence (GstSpeechFeatures *self, GstClockTime begin, GstClockTime end)
{
  SpeechCounter &counter = self->priv->counter;
  GstAudioEncoder *encoder = GST_AUDIO_ENCODER (self);
  const int rate = current_encoder (self)->info ().sample_rate;
  GstFlowReturn flow = GST_FLOW_OK;
  while (flow == GST_FLOW_OK && begin < end) {
    const GstClockTime next = std::min (end, begin + silence_step);
    // From where the counter stands, so that the rounding of many short gaps does
    // not add up.
    if (counter.is_started () &&
        !daetalker_is_jump (GST_ELEMENT (self), counter.next_time (), begin,
                            (GstClockTime)gst_audio_encoder_get_tolerance (encoder)))
      begin = counter.next_time ();
    const gsize samples =
        begin < next ? gst_util_uint64_scale_round (next - begin, rate, GST_SECOND) : 0;
    if (samples > 0) {
      const gsize size = samples * sizeof (float);
      GstBuffer *buffer = gst_buffer_new_allocate (nullptr, size, nullptr);
      gst_buffer_memset (buffer, 0, 0, size);
      GST_BUFFER_PTS (buffer) = begin;
      GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_GAP);
      flow = gst_speech_features_chain (encoder->sinkpad, GST_OBJECT (self), buffer);
    }
    begin = next;
  }
  return flow;
}

static gboolean
handle_gap (GstSpeechFeatures *self, GstEvent *event)
{
  GstAudioEncoder *encoder = GST_AUDIO_ENCODER (self);
  GstClockTime begin, duration;
  gst_event_parse_gap (event, &begin, &duration);
  if (!GST_CLOCK_TIME_IS_VALID (begin) || !GST_CLOCK_TIME_IS_VALID (duration) ||
      !gst_pad_has_current_caps (encoder->sinkpad))
    return GST_AUDIO_ENCODER_CLASS (gst_speech_features_parent_class)
        ->sink_event (encoder, event);

  const guint32 seqnum = gst_event_get_seqnum (event);
  gst_event_unref (event);
  const GstClockTime end = begin + duration;
  const GstClockTime filled = std::min (end, begin + max_silence);
  GST_AUDIO_ENCODER_STREAM_LOCK (self);
  GstFlowReturn flow = feed_silence (self, begin, filled);
  if (flow == GST_FLOW_OK && filled < end)
    flow = drain (self);
  GST_AUDIO_ENCODER_STREAM_UNLOCK (self);

  if (flow != GST_FLOW_OK || filled == end)
    return flow == GST_FLOW_OK;
  GstEvent *rest = gst_event_new_gap (filled, end - filled);
  gst_event_set_seqnum (rest, seqnum);
  return gst_pad_push_event (encoder->srcpad, rest);
}

static gboolean
gst_speech_features_sink_event (GstAudioEncoder *encoder, GstEvent *event)
{
  GstSpeechFeatures *self = GST_SPEECH_FEATURES (encoder);
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_GAP:
    return handle_gap (self, event);
  case GST_EVENT_SEGMENT_DONE:
    // The base class would keep it until more comes.
    GST_AUDIO_ENCODER_STREAM_LOCK (self);
    drain (self);
    GST_AUDIO_ENCODER_STREAM_UNLOCK (self);
    return gst_pad_push_event (encoder->srcpad, event);
  case GST_EVENT_SEGMENT:
    event = daetalker_time_segment (GST_ELEMENT (self), event);
    break;
  default:
    break;
  }
  return event != nullptr && GST_AUDIO_ENCODER_CLASS (gst_speech_features_parent_class)
                                 ->sink_event (encoder, event);
}

static void
gst_speech_features_flush (GstAudioEncoder *encoder)
{
  forget_speech (GST_SPEECH_FEATURES (encoder)->priv);
}

static gboolean
gst_speech_features_src_event (GstAudioEncoder *encoder, GstEvent *event)
{
  if (daetalker_is_backward_seek (event)) {
    GST_WARNING_OBJECT (encoder, "speech cannot be played backwards");
    gst_event_unref (event);
    return FALSE;
  }
  return GST_AUDIO_ENCODER_CLASS (gst_speech_features_parent_class)
      ->src_event (encoder, event);
}

static gboolean
gst_speech_features_src_query (GstAudioEncoder *encoder, GstQuery *query)
{
  if (GST_QUERY_TYPE (query) != GST_QUERY_LATENCY)
    return GST_AUDIO_ENCODER_CLASS (gst_speech_features_parent_class)
        ->src_query (encoder, query);

  // Not the base class's answer: it adds latency to streams that are not live, too.
  GstSpeechFeatures *self = GST_SPEECH_FEATURES (encoder);
  Private *priv = self->priv;
  GST_OBJECT_LOCK (self);
  const GstClockTime latency = latency_of (priv);
  const bool unbounded =
      priv->streaming && priv->window.chunk == 0 && !priv->warned_unbounded;
  GST_OBJECT_UNLOCK (self);
  if (!daetalker_answer_latency (encoder->sinkpad, query, latency))
    return FALSE;

  gboolean live;
  gst_query_parse_latency (query, &live, nullptr, nullptr);
  if (live && unbounded) {
    GST_OBJECT_LOCK (self);
    priv->warned_unbounded = true;
    GST_OBJECT_UNLOCK (self);
    GST_ELEMENT_WARNING (
        self, RESOURCE, SETTINGS,
        ("One pass holds live speech back until its end. Set chunk-duration=-1"),
        (nullptr));
  }
  return TRUE;
}

// ---- object ----------------------------------------------------------------------

static void
gst_speech_features_set_property (GObject *object, guint id, const GValue *value,
                                  GParamSpec *pspec)
{
  GstSpeechFeatures *self = GST_SPEECH_FEATURES (object);
  GST_OBJECT_LOCK (self);
  const bool known = self->priv->settings.set (id, PROP_SETTINGS, value);
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  update_window (self);
}

static void
gst_speech_features_get_property (GObject *object, guint id, GValue *value,
                                  GParamSpec *pspec)
{
  GstSpeechFeatures *self = GST_SPEECH_FEATURES (object);
  Private *priv = self->priv;
  bool known = true;
  GST_OBJECT_LOCK (self);
  if (id == PROP_LATENCY) {
    g_value_set_uint64 (value, latency_of (priv));
  } else if (id == PROP_STATS) {
    const auto &encoder = priv->opened.encoder;
    GstStructure *stats = priv->stats.to_structure (
        "daetalker-stats", "frames", encoder ? encoder->info ().device.c_str () : "",
        priv->opened.precision.c_str ());
    gst_structure_set (stats, "chunk-frames", G_TYPE_INT, priv->window.chunk, nullptr);
    g_value_take_boxed (value, stats);
  } else {
    known = priv->settings.get (id, PROP_SETTINGS, value);
  }
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
gst_speech_features_init (GstSpeechFeatures *self)
{
  self->priv = new Private ();
  GstPad *sink = GST_AUDIO_ENCODER (self)->sinkpad;
  self->priv->base_chain = GST_PAD_CHAINFUNC (sink);
  gst_pad_set_chain_function (sink, GST_DEBUG_FUNCPTR (gst_speech_features_chain));
}

static void
gst_speech_features_finalize (GObject *object)
{
  delete GST_SPEECH_FEATURES (object)->priv;
  G_OBJECT_CLASS (gst_speech_features_parent_class)->finalize (object);
}

static void
gst_speech_features_class_init (GstSpeechFeaturesClass *klass)
{
  GObjectClass *object = G_OBJECT_CLASS (klass);
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  GstAudioEncoderClass *encoder = GST_AUDIO_ENCODER_CLASS (klass);
  GST_DEBUG_CATEGORY_INIT (speech_features_debug, "speechfeatures", 0,
                           "speech to feature frames");

  object->set_property = gst_speech_features_set_property;
  object->get_property = gst_speech_features_get_property;
  object->finalize = gst_speech_features_finalize;
  SpeechSettings::install (object, PROP_SETTINGS);
  daetalker_install_readings (object, PROP_LATENCY, PROP_STATS);

  gst_element_class_set_static_metadata (
      element, "Speech features", "Analyzer/Audio",
      "Turns speech into the hidden states of a speech encoder (wav2vec 2.0, HuBERT)",
      "gst-daetalker developers");
  gst_element_class_add_static_pad_template (element, &sink_template);
  gst_element_class_add_static_pad_template (element, &src_template);
  element->change_state = GST_DEBUG_FUNCPTR (gst_speech_features_change_state);

  encoder->getcaps = GST_DEBUG_FUNCPTR (gst_speech_features_getcaps);
  encoder->set_format = GST_DEBUG_FUNCPTR (gst_speech_features_set_format);
  encoder->handle_frame = GST_DEBUG_FUNCPTR (gst_speech_features_handle_frame);
  encoder->pre_push = GST_DEBUG_FUNCPTR (gst_speech_features_pre_push);
  encoder->flush = GST_DEBUG_FUNCPTR (gst_speech_features_flush);
  encoder->sink_event = GST_DEBUG_FUNCPTR (gst_speech_features_sink_event);
  encoder->src_event = GST_DEBUG_FUNCPTR (gst_speech_features_src_event);
  encoder->src_query = GST_DEBUG_FUNCPTR (gst_speech_features_src_query);
  // Frames are sent apart from the samples that they describe: no metas to copy.
  encoder->transform_meta = nullptr;
}
