// SPDX-License-Identifier: LGPL-2.1-or-later
#include "latenttrack.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using daetalker::AvatarInfo;
using daetalker::LatentFrame;
using daetalker::PoseControl;
using daetalker::Stop;
using daetalker::Window;

namespace {

// count * den / num seconds.
GstClockTime
frames_to_time (guint64 count, gint num, gint den)
{
  return gst_util_uint64_scale (count, (guint64)den * GST_SECOND, num);
}

void
interpolate (const LatentFrame &a, const LatentFrame &b, float share, LatentFrame &out)
{
  out = a;
  if (share == 0)
    return;
  for (std::size_t i = 0; i < out.latent.size (); i++)
    out.latent[i] += share * (b.latent[i] - a.latent[i]);
  for (std::size_t i = 0; i < out.pose.size (); i++)
    out.pose[i] += share * (b.pose[i] - a.pose[i]);
}

} // namespace

Window
LatentTrack::window (const AvatarInfo &info, int look_ahead_ms)
{
  Window window = info.window;
  // A whole number of frames stays what it is.
  if (look_ahead_ms >= 0)
    window.right =
        (int)std::ceil (look_ahead_ms * 1e-3 * info.fps.num / info.fps.den - 1e-9);
  return window;
}

// In feature frames, `ratio` of which make a frame: of all chunks of frames, the one that
// waits longest for the end of the features' chunk that it needs.  They may begin at any
// frame: another avatar does.
static guint64
longest_wait (const Window &window, guint64 ratio, guint64 feature_chunk)
{
  guint64 longest = 0;
  for (guint64 begin = 0; begin < feature_chunk; begin++) {
    const guint64 needed = (begin + (guint64)(window.chunk + window.right)) * ratio;
    const guint64 in = (needed + feature_chunk - 1) / feature_chunk * feature_chunk;
    longest = MAX (longest, in - begin * ratio);
  }
  return longest - feature_chunk;
}

GstClockTime
LatentTrack::latency (const AvatarInfo &info, const Window &window, int feature_chunk,
                      int rate_num, int rate_den)
{
  if (window.chunk == 0)
    return 0;
  const guint64 per_frame = (guint64)info.feature_rate.num * info.fps.den;
  const guint64 per_feature = (guint64)info.feature_rate.den * info.fps.num;
  GstClockTime time = per_frame % per_feature == 0
                          ? frames_to_time (longest_wait (window, per_frame / per_feature,
                                                          (guint64)feature_chunk),
                                            info.feature_rate.num, info.feature_rate.den)
                          : frames_to_time ((guint64)(window.chunk + window.right),
                                            info.fps.num, info.fps.den);
  const bool native =
      (guint64)rate_num * info.fps.den == (guint64)info.fps.num * rate_den;
  if (rate_num > 0 && !native)
    time += frames_to_time (1, info.fps.num, info.fps.den);
  return time;
}

void
LatentTrack::open (std::shared_ptr<daetalker::Avatar> avatar, const Window &window,
                   unsigned seed)
{
  stream_ = avatar->open_stream (&window);
  avatar_ = std::move (avatar);
  window_ = window;
  if (rate_num_ == 0)
    set_rate (info ().fps.num, info ().fps.den);
  idle_.restart (seed);
  reset ();
}

void
LatentTrack::close ()
{
  if (stream_ != nullptr)
    reset ();
  stream_.reset ();
  avatar_.reset ();
  rate_num_ = 0;
}

void
LatentTrack::reset ()
{
  stream_->reset ();
  stream_start_ = stream_next_ = 0;
  features_.clear ();
  features_start_ = pushed_ = 0;
  end_ = 0;
  finished_ = false;
  native_.clear ();
  native_start_ = native_end_ = 0;
  since_speech_ = ease_frames;
  rested_ = 0;
  grid_start_ = 0;
  grid_index_ = sent_ = 0;
}

GstClockTime
LatentTrack::time_chunk ()
{
  if (window_.chunk == 0)
    return 0;
  const guint64 chunks = 2; // the first warms caches and allocators
  const std::vector<float> nothing ((std::size_t)info ().feature_size);
  std::vector<daetalker::LatentFrame> frames;
  guint64 pushed = 0;
  gint64 begin = 0;
  for (guint64 chunk = 1; chunk <= chunks; chunk++) {
    const guint64 needed = chunk * (guint64)window_.chunk + (guint64)window_.right;
    for (; pushed < first_feature (needed); pushed++)
      stream_->push (nothing.data (), 1);
    begin = g_get_monotonic_time ();
    stream_->pull ([] (std::uint64_t, daetalker::Pose &) {}, frames);
  }
  const gint64 spent = g_get_monotonic_time () - begin;
  reset ();
  return (GstClockTime)spent * GST_USECOND;
}

void
LatentTrack::swap (std::shared_ptr<daetalker::Avatar> avatar, const Window &window)
{
  auto stream = avatar->open_stream (&window);

  // The new stream starts on a native frame that starts on a feature frame, as far
  // back as it looks, or as what is kept allows.
  guint64 start = native_end_ - std::min (native_end_, (guint64)window.left);
  start -= start % period ();
  while (first_feature (start) < features_start_)
    start += period ();

  for (guint64 i = first_feature (start); i < pushed_; i++)
    stream->push (features_[i - features_start_].values.data (), 1);
  if (finished_)
    stream->finish ();
  stream_ = std::move (stream);
  stream_start_ = stream_next_ = start;
  avatar_ = std::move (avatar);
  window_ = window;
}

void
LatentTrack::set_rate (int num, int den)
{
  if (num == rate_num_ && den == rate_den_)
    return;
  if (grid_index_ > 0)
    grid_start_ = grid_time (grid_index_);
  grid_index_ = 0;
  rate_num_ = num;
  rate_den_ = den;
}

GstClockTime
LatentTrack::feature_time (guint64 feature) const
{
  return frames_to_time (feature, info ().feature_rate.num, info ().feature_rate.den);
}

GstClockTime
LatentTrack::native_time (guint64 frame) const
{
  return frames_to_time (frame, info ().fps.num, info ().fps.den);
}

GstClockTime
LatentTrack::grid_time (guint64 index) const
{
  return grid_start_ + frames_to_time (index, rate_num_, rate_den_);
}

// Native frames after which a native frame starts on a feature frame again.
guint64
LatentTrack::period () const
{
  const guint64 per_frame = (guint64)info ().feature_rate.num * info ().fps.den;
  const guint64 per_feature = (guint64)info ().feature_rate.den * info ().fps.num;
  return per_feature / std::gcd (per_frame, per_feature);
}

// The first feature frame that belongs to a native frame.
guint64
LatentTrack::first_feature (guint64 native) const
{
  return gst_util_uint64_scale (native,
                                (guint64)info ().feature_rate.num * info ().fps.den,
                                (guint64)info ().feature_rate.den * info ().fps.num);
}

void
LatentTrack::push (const float *features, bool silent, GstClockTime duration)
{
  stream_->push (features, 1);
  // One pass over the whole stream cannot be taken over: only its silence counts.
  const int kept = window_.chunk > 0 ? info ().feature_size : 0;
  features_.push_back ({std::vector<float> (features, features + kept), silent});
  const GstClockTime begin = feature_time (pushed_);
  pushed_++;
  end_ = std::min (begin + duration, feature_time (pushed_));
}

void
LatentTrack::finish ()
{
  finished_ = true;
  stream_->finish ();
}

// Keeps what a swap may need: the past that the window sees, and some more for
// the grids to meet.
void
LatentTrack::trim_history ()
{
  const guint64 kept = 2 * (guint64)(window_.left + window_.chunk) + period () + 64;
  if (native_end_ <= kept)
    return;
  const guint64 first = first_feature (native_end_ - kept);
  while (features_start_ < first && !features_.empty ()) {
    features_.pop_front ();
    features_start_++;
  }
}

bool
LatentTrack::is_silent (guint64 native) const
{
  const guint64 end = first_feature (native + 1);
  for (guint64 i = std::max (first_feature (native), features_start_);
       i < std::min (end, pushed_); i++)
    if (!features_[i - features_start_].silent)
      return false;
  return true;
}

// How much of a frame is rest: 0 in speech, 1 from `ease_frames` away from it on.
// Call it for every frame once, in order.
float
LatentTrack::silence_share (guint64 native)
{
  since_speech_ = is_silent (native) ? since_speech_ + 1 : 0;
  guint64 distance = std::min (since_speech_, (guint64)ease_frames);
  // No further ahead than its own chunk waits for, whatever else has come in.
  guint64 known = ease_frames;
  if (window_.chunk > 0)
    known = (guint64)(window_.right + window_.chunk - 1) -
            (native - stream_start_) % (guint64)window_.chunk;
  for (guint64 ahead = 1; ahead < distance && ahead <= known; ahead++)
    if (!is_silent (native + ahead))
      distance = ahead;
  return (float)distance / (float)ease_frames;
}

// Likewise for a rest that was asked for.
float
LatentTrack::rest_share (guint64 native, GstClockTime rest_until)
{
  rested_ += native_time (native) < rest_until ? 1 : -1;
  rested_ = std::clamp (rested_, 0, ease_frames);
  return (float)rested_ / (float)ease_frames;
}

void
LatentTrack::ease_to_rest (float share, LatentFrame &frame) const
{
  const std::vector<float> &rest = info ().rest_latent;
  for (std::size_t i = 0; i < frame.latent.size () && i < rest.size (); i++)
    frame.latent[i] += share * (rest[i] - frame.latent[i]);
}

// Of the next native frames, or of all that come.
bool
LatentTrack::has_features_of (guint64 frames) const
{
  const guint64 end = native_end_ + frames + (guint64)window_.right;
  return finished_ || pushed_ >= first_feature (end);
}

bool
LatentTrack::pull_native (const PoseControl &control, const Manner &manner,
                          const Stop &stop)
{
  std::vector<LatentFrame> pulled;
  const PoseControl shifted = [&] (std::uint64_t frame, daetalker::Pose &pose) {
    // What a swapped-in stream computes again is dropped: its pose is not asked for.
    if (stream_start_ + frame >= native_end_)
      control (stream_start_ + frame, pose);
  };
  if (stream_->pull (shifted, pulled, stop) == 0)
    return false;
  for (LatentFrame &frame : pulled) {
    if (stream_next_++ < native_end_)
      continue;
    const float silence = silence_share (native_end_);
    const float rest = rest_share (native_end_, manner.rest_until);
    ease_to_rest (std::max (manner.rest_in_silence ? silence : 0, rest), frame);
    idle_.blink (info (), manner.blinks_per_minute, frame.latent);
    native_.push_back ({std::move (frame), avatar_});
    native_end_++;
  }
  trim_history ();
  return true;
}

bool
LatentTrack::next (const PoseControl &control, const Manner &manner, Frame &frame,
                   const Stop &stop)
{
  const GstClockTime time = grid_time (grid_index_);
  if (time >= end_)
    return false;

  // Position on the native grid: frame `first` and a share of the next.
  guint64 first;
  float share;
  if (grid_start_ == 0) {
    const guint64 num = grid_index_ * (guint64)rate_den_ * info ().fps.num;
    const guint64 den = (guint64)rate_num_ * info ().fps.den;
    first = num / den;
    share = (float)((double)(num % den) / (double)den);
  } else {
    first = gst_util_uint64_scale (time, (guint64)info ().fps.num,
                                   (guint64)info ().fps.den * GST_SECOND);
    share = (float)((double)(time - native_time (first)) /
                    (double)(native_time (first + 1) - native_time (first)));
  }

  const guint64 last = first + (share > 0 ? 1 : 0);
  while (native_end_ <= last && has_features_of (manner.at_once) &&
         pull_native (control, manner, stop))
    ;
  if (native_end_ <= last && !(finished_ && native_end_ > 0))
    return false;

  while (native_start_ < first && native_.size () > 1) {
    native_.pop_front ();
    native_start_++;
  }
  auto native = [this] (guint64 index) -> const Native & {
    return native_[std::min (index - native_start_, (guint64)native_.size () - 1)];
  };
  const Native &before = native (first);
  const Native &after = native (last);
  interpolate (before.content, after.content, before.avatar == after.avatar ? share : 0,
               frame.content);
  frame.avatar = before.avatar;
  frame.index = sent_++;
  frame.time = time;
  grid_index_++;
  frame.duration = grid_time (grid_index_) - time;
  return true;
}
