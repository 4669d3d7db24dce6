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
 * the element holds speech back by chunk + look-ahead, and reports exactly that.
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
#include <cmath>
#include <deque>
#include <memory>

#include "avatarsettings.h"
#include "engineloader.h"
#include "framestats.h"
#include "tensorcaps.h"

GST_DEBUG_CATEGORY_STATIC (speech_features_debug);
#define GST_CAT_DEFAULT speech_features_debug

using daetalker::SpeechEncoder;
using daetalker::SpeechEncoderInfo;

namespace {

enum {
  PROP_0,
  PROP_AVATAR, // and the rest of AvatarSettings
  PROP_ENCODER = PROP_AVATAR + AvatarSettings::count,
  PROP_LAYER,
  PROP_CHUNK_DURATION,
  PROP_LOOK_AHEAD,
  PROP_LATENCY,
  PROP_STATS,
};

constexpr float silence_peak = 0.001f; // -60 dBFS
constexpr GstClockTime max_silence = 60 * GST_SECOND;
constexpr GstClockTime silence_step = 100 * GST_MSECOND;

GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE (
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS ("audio/x-raw, format=(string)" GST_AUDIO_NE (
        F32) ", rate=(int)[ 1, MAX ], channels=(int)1, layout=(string)interleaved"));

GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (DAETALKER_FEATURES_CAPS));

struct Settings {
  AvatarSettings avatar;
  std::string encoder; // "" is the avatar's own
  int layer = -1;
  int chunk_ms = -1;
  int look_ahead_ms = -1;
};

struct Private {
  // Under the object lock.
  Settings settings;
  bool reopen = true; // the settings have changed since the encoder was opened
  std::shared_ptr<SpeechEncoder> encoder; // from READY on
  std::string precision;
  daetalker::Window window;
  GstClockTime latency = 0;
  bool warned_unbounded = false;

  // Under the stream lock.
  std::unique_ptr<daetalker::FeatureStream> stream; // from PAUSED on
  int hop = 0, rate = 0, feature_size = 0;
  GstClockTime anchor = GST_CLOCK_TIME_NONE; // time of the first sample
  guint64 samples = 0;                       // received since the anchor
  guint64 frames = 0;                        // sent since the anchor
  bool discont = false;    // the next frame is the first after the anchor
  std::deque<float> peaks; // of the hops that are not yet sent

  GstPadChainFunction base_chain = nullptr;
  FrameStats stats;
};

} // namespace

struct _GstSpeechFeatures {
  GstAudioEncoder parent;
  Private *priv;
};

G_DEFINE_FINAL_TYPE (GstSpeechFeatures, gst_speech_features, GST_TYPE_AUDIO_ENCODER)
GST_ELEMENT_REGISTER_DEFINE (speechfeatures, "speechfeatures", GST_RANK_NONE,
                             GST_TYPE_SPEECH_FEATURES)

// ---- encoder and window ----------------------------------------------------------

// The window that the settings ask for, in feature frames.
static daetalker::Window
choose_window (const Settings &settings, const SpeechEncoderInfo &info)
{
  auto to_frames = [&info] (int ms) {
    return (int)std::lround (std::ceil (ms * 1e-3 * info.sample_rate / info.hop - 1e-9));
  };
  daetalker::Window window = info.window;
  if (settings.chunk_ms >= 0)
    window.chunk = to_frames (settings.chunk_ms);
  if (settings.look_ahead_ms >= 0)
    window.right = to_frames (settings.look_ahead_ms);
  return window;
}

// Takes over window and latency; says so on the bus if the latency has changed.
static void
update_window (GstSpeechFeatures *self)
{
  Private *priv = self->priv;
  GST_OBJECT_LOCK (self);
  const GstClockTime before = priv->latency;
  if (priv->encoder != nullptr) {
    const SpeechEncoderInfo &info = priv->encoder->info ();
    const daetalker::Window window = choose_window (priv->settings, info);
    priv->window = window;
    // One pass to the end of the stream has no bound.
    priv->latency =
        window.chunk == 0
            ? 0
            : gst_util_uint64_scale ((guint64)(window.chunk + window.right) * info.hop,
                                     GST_SECOND, info.sample_rate);
  } else {
    priv->latency = 0;
  }
  const bool changed = before != priv->latency;
  GST_OBJECT_UNLOCK (self);
  if (changed)
    gst_element_post_message (GST_ELEMENT (self),
                              gst_message_new_latency (GST_OBJECT (self)));
}

// Opens the encoder unless the one at hand is what the settings ask for.
static gboolean
open_encoder (GstSpeechFeatures *self)
{
  Private *priv = self->priv;
  GST_OBJECT_LOCK (self);
  const bool reopen = priv->reopen;
  const Settings settings = priv->settings;
  priv->reopen = false;
  GST_OBJECT_UNLOCK (self);
  if (!reopen)
    return TRUE;

  const gboolean opened = daetalker_guard (GST_ELEMENT (self), FALSE, [&] {
    std::shared_ptr<SpeechEncoder> encoder;
    std::string precision;
    if (settings.encoder.empty ()) {
      auto avatar = settings.avatar.open (GST_ELEMENT (self));
      precision = avatar->info ().precision;
      encoder = avatar->speech_encoder ();
    } else {
      precision = settings.avatar.options.precision;
      encoder = daetalker_engine_load ().open_speech_encoder (
          settings.encoder, settings.avatar.options, settings.layer);
    }
    const SpeechEncoderInfo &info = encoder->info ();
    GST_INFO_OBJECT (self, "encoder %s (%s) runs on %s", info.name.c_str (),
                     info.hash.c_str (), info.device.c_str ());
    GST_OBJECT_LOCK (self);
    priv->encoder.swap (encoder);
    priv->precision = precision;
    GST_OBJECT_UNLOCK (self);
    return TRUE;
  });
  if (!opened) {
    GST_OBJECT_LOCK (self);
    priv->reopen = true;
    GST_OBJECT_UNLOCK (self);
  }
  update_window (self);
  return opened;
}

static void
close_encoder (GstSpeechFeatures *self)
{
  Private *priv = self->priv;
  std::shared_ptr<SpeechEncoder> encoder; // freed outside of the lock
  GST_OBJECT_LOCK (self);
  priv->encoder.swap (encoder);
  priv->reopen = true;
  GST_OBJECT_UNLOCK (self);
}

static void
forget_speech (Private *priv)
{
  if (priv->stream != nullptr)
    priv->stream->reset ();
  priv->anchor = GST_CLOCK_TIME_NONE;
  priv->samples = priv->frames = 0;
  priv->peaks.clear ();
}

static gboolean
open_stream (GstSpeechFeatures *self)
{
  Private *priv = self->priv;
  GST_OBJECT_LOCK (self);
  auto encoder = priv->encoder;
  const daetalker::Window window = priv->window;
  priv->warned_unbounded = false;
  GST_OBJECT_UNLOCK (self);

  return daetalker_guard (GST_ELEMENT (self), FALSE, [&] {
    auto stream = encoder->open_stream (&window);
    const SpeechEncoderInfo &info = encoder->info ();
    GST_AUDIO_ENCODER_STREAM_LOCK (self);
    priv->stream = std::move (stream);
    priv->hop = info.hop;
    priv->rate = info.sample_rate;
    priv->feature_size = info.feature_size;
    priv->stats.clear ();
    forget_speech (priv);
    GST_AUDIO_ENCODER_STREAM_UNLOCK (self);
    return TRUE;
  });
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

  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    GST_AUDIO_ENCODER_STREAM_LOCK (self);
    forget_speech (self->priv);
    self->priv->stream.reset ();
    GST_AUDIO_ENCODER_STREAM_UNLOCK (self);
  } else if (transition == GST_STATE_CHANGE_READY_TO_NULL) {
    close_encoder (self);
  }
  return result;
}

// ---- caps ------------------------------------------------------------------------

static GstCaps *
gst_speech_features_getcaps (GstAudioEncoder *encoder, GstCaps *filter)
{
  GstSpeechFeatures *self = GST_SPEECH_FEATURES (encoder);
  GstCaps *caps = gst_pad_get_pad_template_caps (encoder->sinkpad);
  GST_OBJECT_LOCK (self);
  auto opened = self->priv->encoder;
  GST_OBJECT_UNLOCK (self);
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
  GST_OBJECT_LOCK (self);
  auto opened = self->priv->encoder;
  GST_OBJECT_UNLOCK (self);
  const SpeechEncoderInfo &speech = opened->info ();
  if (info->rate != speech.sample_rate)
    return FALSE;
  g_autoptr (GstCaps) caps = daetalker_features_caps_new (
      (guint)speech.feature_size, speech.sample_rate, speech.hop, speech.hash.c_str ());
  return gst_audio_encoder_set_output_format (encoder, caps);
}

// ---- data ------------------------------------------------------------------------

static GstClockTime
sample_time (const Private *priv, guint64 sample)
{
  return priv->anchor + gst_util_uint64_scale (sample, GST_SECOND, priv->rate);
}

// Sends every frame that is complete.
static GstFlowReturn
send_frames (GstSpeechFeatures *self)
{
  Private *priv = self->priv;
  std::vector<float> features;
  const gint64 begin = g_get_monotonic_time ();
  const std::size_t count = priv->stream->pull (features);
  if (count == 0)
    return GST_FLOW_OK;
  const GstClockTime spent =
      (GstClockTime)(g_get_monotonic_time () - begin) * GST_USECOND / count;

  const gsize size = (gsize)priv->feature_size * sizeof (float);
  for (std::size_t i = 0; i < count; i++) {
    priv->stats.add (spent);
    GstBuffer *buffer =
        gst_buffer_new_memdup (features.data () + i * priv->feature_size, size);
    if (!priv->peaks.empty ()) {
      if (priv->peaks.front () < silence_peak)
        GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_GAP);
      priv->peaks.pop_front ();
    }
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
  if (priv->samples > 0) {
    GST_DEBUG_OBJECT (self, "draining after %" G_GUINT64_FORMAT " samples",
                      priv->samples);
    flow = daetalker_guard (GST_ELEMENT (self), GST_FLOW_ERROR, [&] {
      priv->stream->finish ();
      return send_frames (self);
    });
  }
  forget_speech (priv);
  return flow;
}

static void
note_peaks (Private *priv, const float *samples, std::size_t count)
{
  for (std::size_t i = 0; i < count; i++) {
    if ((priv->samples + i) % priv->hop == 0)
      priv->peaks.push_back (0);
    if (std::isfinite (samples[i]))
      priv->peaks.back () = std::max (priv->peaks.back (), std::fabs (samples[i]));
  }
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

    // In steps of a chunk, so that a flush need not wait for a long buffer.
    const std::size_t step = priv->window.chunk == 0
                                 ? samples.size ()
                                 : (std::size_t)priv->window.chunk * priv->hop;
    for (std::size_t i = 0; flow == GST_FLOW_OK && i < samples.size (); i += step) {
      if (GST_PAD_IS_FLUSHING (encoder->sinkpad))
        return GST_FLOW_FLUSHING;
      const std::size_t count = std::min (step, samples.size () - i);
      note_peaks (priv, samples.data () + i, count);
      priv->stream->push (samples.data () + i, count);
      priv->samples += count;
      flow = send_frames (self);
    }
    return flow;
  });
}

// Stamps a frame from the counters.
static GstFlowReturn
gst_speech_features_pre_push (GstAudioEncoder *encoder, GstBuffer **buffer)
{
  Private *priv = GST_SPEECH_FEATURES (encoder)->priv;
  const guint64 begin = priv->frames * priv->hop;
  const guint64 end = std::min (begin + priv->hop, priv->samples);
  GST_BUFFER_PTS (*buffer) = sample_time (priv, begin);
  GST_BUFFER_DTS (*buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION (*buffer) = sample_time (priv, end) - sample_time (priv, begin);
  GST_BUFFER_OFFSET (*buffer) = priv->frames;
  GST_BUFFER_OFFSET_END (*buffer) = priv->frames + 1;
  if (priv->discont)
    GST_BUFFER_FLAG_SET (*buffer, GST_BUFFER_FLAG_DISCONT);
  else
    GST_BUFFER_FLAG_UNSET (*buffer, GST_BUFFER_FLAG_DISCONT);
  priv->discont = false;
  priv->frames++;
  return GST_FLOW_OK;
}

// Puts `buffer` where the sample counter says, or starts anew at its timestamp if
// that is too far away.  Takes the buffer; leaves nullptr if it lies outside of
// the segment.
static GstFlowReturn
align (GstSpeechFeatures *self, GstBuffer **buffer)
{
  Private *priv = self->priv;
  GstAudioEncoder *encoder = GST_AUDIO_ENCODER (self);
  *buffer = gst_audio_buffer_clip (*buffer, &encoder->input_segment, priv->rate,
                                   sizeof (float));
  if (*buffer == nullptr)
    return GST_FLOW_OK;

  const GstClockTime pts = GST_BUFFER_PTS (*buffer);
  if (GST_CLOCK_TIME_IS_VALID (priv->anchor) && GST_CLOCK_TIME_IS_VALID (pts)) {
    const GstClockTime expected = sample_time (priv, priv->samples);
    if (std::llabs (GST_CLOCK_DIFF (expected, pts)) >
        gst_audio_encoder_get_tolerance (encoder)) {
      GST_INFO_OBJECT (self, "time jumps from %" GST_TIME_FORMAT " to %" GST_TIME_FORMAT,
                       GST_TIME_ARGS (expected), GST_TIME_ARGS (pts));
      const GstFlowReturn flow = drain (self);
      if (flow != GST_FLOW_OK)
        return flow;
    }
  }
  if (!GST_CLOCK_TIME_IS_VALID (priv->anchor)) {
    priv->anchor = GST_CLOCK_TIME_IS_VALID (pts) ? pts : encoder->input_segment.start;
    priv->discont = true;
  }

  *buffer = gst_buffer_make_writable (*buffer);
  GST_BUFFER_PTS (*buffer) = sample_time (priv, priv->samples);
  return GST_FLOW_OK;
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
  Private *priv = self->priv;
  GstAudioEncoder *encoder = GST_AUDIO_ENCODER (self);
  GstFlowReturn flow = GST_FLOW_OK;
  while (flow == GST_FLOW_OK && begin < end) {
    const GstClockTime next = std::min (end, begin + silence_step);
    // Up to where the counter should be, so that the rounding of many short gaps
    // does not add up.
    GstClockTime from = begin;
    if (GST_CLOCK_TIME_IS_VALID (priv->anchor)) {
      const GstClockTime expected = sample_time (priv, priv->samples);
      if (std::llabs (GST_CLOCK_DIFF (expected, begin)) <=
          gst_audio_encoder_get_tolerance (encoder))
        from = expected;
    }
    if (from < next) {
      const gsize size =
          gst_util_uint64_scale_round (next - from, priv->rate, GST_SECOND) *
          sizeof (float);
      if (size > 0) {
        GstBuffer *buffer = gst_buffer_new_allocate (nullptr, size, nullptr);
        gst_buffer_memset (buffer, 0, 0, size);
        GST_BUFFER_PTS (buffer) = from;
        GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_GAP);
        flow = gst_speech_features_chain (encoder->sinkpad, GST_OBJECT (self), buffer);
      }
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
handle_segment (GstSpeechFeatures *self, GstEvent *event)
{
  const GstSegment *segment;
  gst_event_parse_segment (event, &segment);
  if (segment->format != GST_FORMAT_TIME) {
    // Raw samples from a file: count from 0.
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
  return GST_AUDIO_ENCODER_CLASS (gst_speech_features_parent_class)
      ->sink_event (GST_AUDIO_ENCODER (self), event);
}

static gboolean
gst_speech_features_sink_event (GstAudioEncoder *encoder, GstEvent *event)
{
  GstSpeechFeatures *self = GST_SPEECH_FEATURES (encoder);
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_GAP:
    return handle_gap (self, event);
  case GST_EVENT_SEGMENT:
    return handle_segment (self, event);
  default:
    return GST_AUDIO_ENCODER_CLASS (gst_speech_features_parent_class)
        ->sink_event (encoder, event);
  }
}

static void
gst_speech_features_flush (GstAudioEncoder *encoder)
{
  forget_speech (GST_SPEECH_FEATURES (encoder)->priv);
}

static gboolean
gst_speech_features_src_event (GstAudioEncoder *encoder, GstEvent *event)
{
  if (GST_EVENT_TYPE (event) == GST_EVENT_SEEK) {
    gdouble rate;
    gst_event_parse_seek (event, &rate, nullptr, nullptr, nullptr, nullptr, nullptr,
                          nullptr);
    if (rate < 0) {
      GST_WARNING_OBJECT (encoder, "speech cannot be played backwards");
      gst_event_unref (event);
      return FALSE;
    }
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

  // The base class adds latency to streams that are not live, too.
  GstSpeechFeatures *self = GST_SPEECH_FEATURES (encoder);
  Private *priv = self->priv;
  if (!gst_pad_peer_query (encoder->sinkpad, query))
    return FALSE;
  gboolean live;
  GstClockTime min, max;
  gst_query_parse_latency (query, &live, &min, &max);
  if (!live)
    return TRUE;

  GST_OBJECT_LOCK (self);
  const GstClockTime latency = priv->latency;
  const bool unbounded =
      priv->encoder != nullptr && priv->window.chunk == 0 && !priv->warned_unbounded;
  priv->warned_unbounded |= unbounded;
  GST_OBJECT_UNLOCK (self);
  if (unbounded)
    GST_ELEMENT_WARNING (
        self, RESOURCE, SETTINGS,
        ("chunk-duration=0 holds live speech back until its end. Set chunk-duration=-1"),
        (nullptr));
  gst_query_set_latency (query, live, min + latency,
                         GST_CLOCK_TIME_IS_VALID (max) ? max + latency : max);
  return TRUE;
}

// ---- object ----------------------------------------------------------------------

static void
gst_speech_features_set_property (GObject *object, guint id, const GValue *value,
                                  GParamSpec *pspec)
{
  GstSpeechFeatures *self = GST_SPEECH_FEATURES (object);
  Private *priv = self->priv;
  Settings &settings = priv->settings;
  bool known = true;
  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_ENCODER:
    settings.encoder = g_value_get_string (value) ? g_value_get_string (value) : "";
    priv->reopen = true;
    break;
  case PROP_LAYER:
    settings.layer = g_value_get_int (value);
    priv->reopen = true;
    break;
  case PROP_CHUNK_DURATION:
    settings.chunk_ms = g_value_get_int (value);
    break;
  case PROP_LOOK_AHEAD:
    settings.look_ahead_ms = g_value_get_int (value);
    break;
  default:
    known = settings.avatar.set (id, PROP_AVATAR, value);
    priv->reopen |= known;
  }
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  // A running stream keeps its window.
  if ((id == PROP_CHUNK_DURATION || id == PROP_LOOK_AHEAD) &&
      GST_STATE (self) <= GST_STATE_READY)
    update_window (self);
}

static void
gst_speech_features_get_property (GObject *object, guint id, GValue *value,
                                  GParamSpec *pspec)
{
  GstSpeechFeatures *self = GST_SPEECH_FEATURES (object);
  Private *priv = self->priv;
  const Settings &settings = priv->settings;
  bool known = true;
  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_ENCODER:
    g_value_set_string (value,
                        settings.encoder.empty () ? nullptr : settings.encoder.c_str ());
    break;
  case PROP_LAYER:
    g_value_set_int (value, settings.layer);
    break;
  case PROP_CHUNK_DURATION:
    g_value_set_int (value, settings.chunk_ms);
    break;
  case PROP_LOOK_AHEAD:
    g_value_set_int (value, settings.look_ahead_ms);
    break;
  case PROP_LATENCY:
    g_value_set_uint64 (value, priv->latency);
    break;
  case PROP_STATS:
    g_value_take_boxed (value,
                        priv->stats.to_structure (
                            "daetalker-stats", "frames",
                            priv->encoder ? priv->encoder->info ().device.c_str () : "",
                            priv->precision.c_str ()));
    break;
  default:
    known = settings.avatar.get (id, PROP_AVATAR, value);
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
install_properties (GObjectClass *klass)
{
  const auto ready =
      GParamFlags (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
  const auto readable = GParamFlags (G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  AvatarSettings::install (klass, PROP_AVATAR);
  g_object_class_install_property (
      klass, PROP_ENCODER,
      g_param_spec_string ("encoder", "Encoder",
                           "Folder of a speech encoder as Hugging Face writes it (unset: "
                           "the avatar's own)",
                           nullptr, ready));
  g_object_class_install_property (
      klass, PROP_LAYER,
      g_param_spec_int (
          "layer", "Layer",
          "Hidden state that `encoder` gives: 0 is before the first block, -1 the last",
          -1, 1000, -1, ready));
  g_object_class_install_property (
      klass, PROP_CHUNK_DURATION,
      g_param_spec_int ("chunk-duration", "Chunk duration",
                        "Speech that is encoded at a time, in milliseconds (0: "
                        "everything up to the end "
                        "in one pass; -1: the encoder's own)",
                        -1, 60000, -1, ready));
  g_object_class_install_property (
      klass, PROP_LOOK_AHEAD,
      g_param_spec_int (
          "look-ahead", "Look-ahead",
          "Future speech that a chunk sees, in milliseconds (-1: the encoder's own)", -1,
          60000, -1, ready));
  g_object_class_install_property (
      klass, PROP_LATENCY,
      g_param_spec_uint64 (
          "latency", "Latency",
          "Speech that is held back, in nanoseconds (0 while no encoder is open)", 0,
          G_MAXUINT64, 0, readable));
  g_object_class_install_property (
      klass, PROP_STATS,
      g_param_spec_boxed (
          "stats", "Statistics",
          "frames, dropped, fps, p50-ms and p95-ms per frame, device, precision",
          GST_TYPE_STRUCTURE, readable));
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
  install_properties (object);

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
