// SPDX-License-Identifier: LGPL-2.1-or-later
//
// From feature frames to latents at any frame rate: the timeline of one stream
// between two discontinuities.  The avatar's native latents are interpolated
// linearly in time onto the output's grid.
#pragma once

#include <gst/gst.h>

#include <deque>
#include <memory>
#include <vector>

#include "idlemotion.h"
#include "models/engine.h"

class LatentTrack {
public:
  struct Frame {
    daetalker::LatentFrame content;
    std::shared_ptr<daetalker::Avatar> avatar; // whose latent it is
    guint64 index;                             // since the track's start
    GstClockTime time;                         // since the track's start
    GstClockTime duration;                     // up to the next frame of the grid
  };

  // How a frame is made, beside its pose.
  struct Manner {
    bool rest_in_silence;     // where there is no speech the latent eases to rest
    double blinks_per_minute; // see IdleMotion
    GstClockTime rest_until;  // since the track's start: so long the face rests, speech
                              // or not, from the next native frame on
    guint64 at_once;          // native frames for whose features next() waits before it
                              // computes any: together they cost less, and come later
  };

  // Throws what the avatar throws.  `window`: see Avatar::open_stream; `seed`: of what
  // the face does by itself.
  void open (std::shared_ptr<daetalker::Avatar> avatar, const daetalker::Window &window,
             unsigned seed);
  void close ();
  bool is_open () const { return stream_ != nullptr; }

  // Goes on with another avatar of the same sizes and rates from the next native
  // frame on: the new one sees the recent features as its past.  Latents of two
  // avatars are not mixed.
  void swap (std::shared_ptr<daetalker::Avatar> avatar, const daetalker::Window &window);

  // The output's frame rate.  In mid-stream the new grid starts where the next
  // frame of the old one was due.
  void set_rate (int num, int den);

  // One feature frame (feature_size numbers).  `silent`: it holds no speech.
  // `duration`: how much of it is speech; less than a feature frame only in the
  // last one.
  void push (const float *features, bool silent, GstClockTime duration);

  // No more features come.
  void finish ();

  // The next output frame, if it is complete.  `control` is called for every
  // native frame that this takes, with its index since the track's start.
  bool next (const daetalker::PoseControl &control, const Manner &manner, Frame &frame,
             const daetalker::Stop &stop = {});

  // For `control`, once: the head's sway at its frame.
  daetalker::Pose sway (float scale) { return idle_.sway (info (), scale); }

  // How long a chunk of frames takes; the track starts anew.
  GstClockTime time_chunk ();

  // Forgets everything but avatar and rate; what the face does by itself goes on.
  void reset ();

  guint64 features_pushed () const { return pushed_; }
  guint64 frames_computed () const { return native_end_; } // native ones, in chunks
  GstClockTime feature_time (guint64 feature) const;       // since the track's start
  GstClockTime native_time (guint64 frame) const;          // since the track's start

  // The avatar's window with a look-ahead in milliseconds, -1 for its own.
  static daetalker::Window window (const daetalker::AvatarInfo &info, int look_ahead_ms);

  // The time by which a frame may leave later than the feature frame of its own
  // time has come in, if features come in at the end of each `feature_chunk` of them; 0
  // if the window is unbounded.
  static GstClockTime latency (const daetalker::AvatarInfo &info,
                               const daetalker::Window &window, int feature_chunk,
                               int rate_num, int rate_den);

  // Native frames over which the face eases to rest and back.
  static constexpr int ease_frames = 3;

private:
  struct Feature {
    std::vector<float> values;
    bool silent;
  };
  struct Native {
    daetalker::LatentFrame content;
    std::shared_ptr<daetalker::Avatar> avatar;
  };

  const daetalker::AvatarInfo &info () const { return avatar_->info (); }
  guint64 period () const;
  guint64 first_feature (guint64 native) const;
  GstClockTime grid_time (guint64 index) const;
  bool is_silent (guint64 native) const;
  bool has_features_of (guint64 frames) const;
  bool pull_native (const daetalker::PoseControl &control, const Manner &manner,
                    const daetalker::Stop &stop);
  void ease_to_rest (float share, daetalker::LatentFrame &frame) const;
  float silence_share (guint64 native);
  float rest_share (guint64 native, GstClockTime rest_until);
  void trim_history ();

  std::shared_ptr<daetalker::Avatar> avatar_;
  daetalker::Window window_;
  std::unique_ptr<daetalker::LatentStream> stream_;
  guint64 stream_start_ = 0; // native frame that is the stream's frame 0
  guint64 stream_next_ = 0;  // native frame that the stream gives next

  IdleMotion idle_;

  std::deque<Feature> features_; // the recent ones
  guint64 features_start_ = 0;   // index of features_[0]
  guint64 pushed_ = 0;
  GstClockTime end_ = 0; // of the speech so far
  bool finished_ = false;

  std::deque<Native> native_;          // not yet passed by the grid
  guint64 native_start_ = 0;           // index of native_[0]
  guint64 native_end_ = 0;             // native frames pulled
  guint64 since_speech_ = ease_frames; // native frames, at native_end_
  int rested_ = 0;                     // frames of the way to rest, at native_end_

  int rate_num_ = 0, rate_den_ = 1;
  GstClockTime grid_start_ = 0;
  guint64 grid_index_ = 0; // of the next frame on this grid
  guint64 sent_ = 0;       // frames sent since the track's start
};
