// SPDX-License-Identifier: LGPL-2.1-or-later
#include "streams.h"

#include <algorithm>
#include <cmath>

#include "models/engine/chunker.h"

namespace daetalker::arithmetic {

namespace {

using Index = std::int64_t;

// The part of an endless row of numbers that is still needed.  What lies before
// or after it reads as 0.
class Track {
public:
  void append (float value) { data_.push_back (value); }
  Index end () const { return first_ + (Index)data_.size (); }
  float at (Index i) const
  {
    return i < first_ || i >= end () ? 0.0f : data_[i - first_];
  }

  void drop_before (Index i)
  {
    const Index count = std::clamp<Index> (i - first_, 0, (Index)data_.size ());
    data_.erase (data_.begin (), data_.begin () + count);
    first_ += count;
  }

private:
  std::vector<float> data_;
  Index first_ = 0;
};

// The next chunk that can be computed, on the real engine's grid.  `complete`: frames
// that are there; `total`: frames of the whole stream, -1 while it is unknown.
bool
next_chunk (const Window &window, Index next, Index complete, Index total, Chunk &chunk)
{
  if (total >= 0 ? next >= total
                 : window.chunk == 0 || complete < next + window.chunk + window.right)
    return false;
  chunk = chunk_at (window, next, total >= 0 ? total : next + window.chunk);
  return true;
}

class Features : public FeatureStream {
public:
  Features (const SpeechEncoderInfo &info, const Window &window,
            const Behaviour &behaviour)
      : info_ (info), window_ (window), behaviour_ (behaviour)
  {
  }

  void push (const float *samples, std::size_t count) override
  {
    for (std::size_t i = 0; i < count; i++)
      track_.append (std::isfinite (samples[i]) ? samples[i] : 0.0f);
  }

  void finish () override { total_ = (track_.end () + info_.hop - 1) / info_.hop; }

  std::size_t pull (std::vector<float> &features, const Stop &stop) override
  {
    const Index start = next_;
    Chunk chunk;
    while (next_chunk (window_, next_, track_.end () / info_.hop, total_, chunk)) {
      for (Index k = chunk.begin; k < chunk.end; k++)
        compute (chunk, k, features);
      next_ = chunk.end;
      track_.drop_before ((next_ - window_.left) * info_.hop);
    }
    behaviour_.spend (behaviour_.features_ms, next_ - start, stop);
    return next_ - start;
  }

  void reset () override
  {
    track_ = {};
    next_ = 0;
    total_ = -1;
  }

private:
  void compute (const Chunk &chunk, Index k, std::vector<float> &features)
  {
    behaviour_.check ("features", k);
    const Index hop = info_.hop;
    const Index later = k + window_.right;
    const Index nominal =
        window_.chunk == 0 ? chunk.end : window_.left + window_.chunk + window_.right;
    std::vector<float> row (info_.feature_size);
    row[0] = (float)(sum (k * hop, (k + 1) * hop, false) / hop);
    row[1] = (float)(sum (k * hop, (k + 1) * hop, true) / hop);
    row[2] = later >= chunk.window_end
                 ? 0.0f
                 : (float)(sum (later * hop, (later + 1) * hop, true) / hop);
    row[3] = (float)(sum (chunk.window_begin * hop, chunk.window_end * hop, true) /
                     (nominal * hop));
    row[4] = track_.at (k * hop);
    row[5] = track_.at ((k + 1) * hop - 1);
    features.insert (features.end (), row.begin (), row.end ());
  }

  double sum (Index begin, Index end, bool absolute) const
  {
    double result = 0;
    for (Index i = begin; i < end; i++)
      result += absolute ? std::fabs (track_.at (i)) : track_.at (i);
    return result;
  }

  const SpeechEncoderInfo info_;
  const Window window_;
  const Behaviour behaviour_;
  Track track_;
  Index next_ = 0;
  Index total_ = -1;
};

class Latents : public LatentStream {
public:
  Latents (const AvatarInfo &info, const Window &window, const Behaviour &behaviour)
      : info_ (info), window_ (window), behaviour_ (behaviour)
  {
    per_frame_num_ = (Index)info.feature_rate.num * info.fps.den;
    per_frame_den_ = (Index)info.feature_rate.den * info.fps.num;
  }

  void push (const float *features, std::size_t frames) override
  {
    for (std::size_t i = 0; i < frames; i++) {
      mean_.append (features[i * info_.feature_size]);
      level_.append (features[i * info_.feature_size + 1]);
    }
  }

  void finish () override
  {
    total_ = (mean_.end () * per_frame_den_ + per_frame_num_ - 1) / per_frame_num_;
  }

  std::size_t pull (const PoseControl &control, std::vector<LatentFrame> &out,
                    const Stop &stop) override
  {
    const Index start = next_;
    const Index complete = mean_.end () * per_frame_den_ / per_frame_num_;
    Chunk chunk;
    while (next_chunk (window_, next_, complete, total_, chunk)) {
      for (Index n = chunk.begin; n < chunk.end; n++)
        out.push_back (compute (chunk, n, control));
      next_ = chunk.end;
      mean_.drop_before (first_feature (next_ - window_.left));
      level_.drop_before (first_feature (next_ - window_.left));
    }
    behaviour_.spend (behaviour_.latents_ms, next_ - start, stop);
    return next_ - start;
  }

  void reset () override
  {
    mean_ = {};
    level_ = {};
    next_ = 0;
    total_ = -1;
  }

private:
  Index first_feature (Index frame) const
  {
    return std::max<Index> (0, frame) * per_frame_num_ / per_frame_den_;
  }

  Index end_feature (Index frame) const
  {
    return ((frame + 1) * per_frame_num_ + per_frame_den_ - 1) / per_frame_den_;
  }

  LatentFrame compute (const Chunk &chunk, Index n, const PoseControl &control)
  {
    behaviour_.check ("latents", n);
    const Index begin = first_feature (n);
    const Index end = end_feature (n);
    const float mean = average (mean_, begin, end, end - begin);
    const float level = average (level_, begin, end, end - begin);
    const Index first = first_feature (chunk.window_begin);
    const Index last = end_feature (chunk.window_end - 1);

    LatentFrame frame;
    frame.pose = info_.rest_pose;
    frame.pose[0] += 10 * mean;
    frame.pose[1] += 10 * level;
    frame.pose[2] -= 10 * level;
    if (control)
      control ((std::uint64_t)n, frame.pose);

    frame.latent = info_.rest_latent;
    frame.latent[0] += mean;
    frame.latent[1] += level;
    frame.latent[2] += average (level_, first, last, last - first);
    for (int axis = 0; axis < 3; axis++)
      frame.latent[3 + axis] += frame.pose[axis] / 90;
    frame.latent[6] += level_.at (last - 1);
    frame.latent[7] += 1;
    return frame;
  }

  static float average (const Track &track, Index begin, Index end, Index count)
  {
    double sum = 0;
    for (Index i = begin; i < end; i++)
      sum += track.at (i);
    return (float)(sum / count);
  }

  const AvatarInfo info_;
  const Window window_;
  const Behaviour behaviour_;
  Track mean_, level_;                  // f[0] and f[1]
  Index per_frame_num_, per_frame_den_; // feature frames per video frame
  Index next_ = 0;
  Index total_ = -1;
};

} // namespace

std::unique_ptr<FeatureStream>
open_feature_stream (const SpeechEncoderInfo &info, const Window &window,
                     const Behaviour &behaviour)
{
  return std::make_unique<Features> (info, window, behaviour);
}

std::unique_ptr<LatentStream>
open_latent_stream (const AvatarInfo &info, const Window &window,
                    const Behaviour &behaviour)
{
  return std::make_unique<Latents> (info, window, behaviour);
}

} // namespace daetalker::arithmetic
