// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The avatar that daerender renders with, and the one that will take its place.
#pragma once

#include <gst/gst.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "avatarloads.h"
#include "models/engine.h"

// An avatar opened for rendering.
struct RenderModel {
  AvatarSettings settings; // what `avatar` was opened with
  std::shared_ptr<daetalker::Avatar> avatar;
  std::unique_ptr<daetalker::Renderer> renderer; // nullptr until start()
  GstClockTime measured = 0;                     // time of one warm frame
  int measured_steps = 1;                        // its evaluations
  guint64 number = 0;                            // of the load, see RenderModelSlot

  const daetalker::AvatarInfo &info () const { return avatar->info (); }

  // Opens the renderer, runs it warm, and measures it.  `steps` 0: the fewest that the
  // avatar knows.
  void start (int steps);
};

// Throws daetalker::Error (wrong_model) that lists the values if `steps` is neither 0
// nor one of `info.steps`.
void daetalker_check_steps (const daetalker::AvatarInfo &info, int steps);

// Throws daetalker::Error (wrong_model) if `next` cannot take over from `now` within
// a stream: its pictures or latents have another size.
void daetalker_check_render_fit (const daetalker::AvatarInfo &now,
                                 const daetalker::AvatarInfo &next);

// Holds the model in use.  Another avatar is loaded on a thread and takes its
// place between two frames.  Latents mean something only to the autoencoder that
// they were made for: where the stream names its model-hash, a loaded model waits
// for the stream that fits.  Where the avatar changes faster than the latents that
// are on their way, the stream may come back to a model that was replaced; so those
// are kept for a while.
class RenderModelSlot {
public:
  explicit RenderModelSlot (GstElement *element)
      : element_ (element),
        queue_ (element, [this] (const AvatarLoad &load) { run_load (load); })
  {
  }

  // NULL->READY and back.  May throw daetalker::Error.
  void open (const AvatarSettings &settings, int steps);
  void close ();

  // READY->PAUSED and back.  Before start(), wait_for_loads(): a load may change the
  // settings.  start() opens the avatar again if it was opened with other settings.
  void wait_for_loads ();
  void start (const AvatarSettings &settings, int steps);
  void stop ();

  // Loads `settings.avatar` on a thread.  Does nothing before open().  What fails
  // or does not fit is said in a warning message, `refused` is called, and the
  // model in use stays.
  void load (const AvatarSettings &settings, int steps,
             void (*refused) (GstElement *element, const std::string &avatar,
                              const std::string &kept));

  // Whose stream comes from now on ("" = unknown): takes the model that fits, if
  // need be after waiting for loads in progress.  FALSE if there is none.
  bool negotiate (const std::string &model_hash);

  // Streaming thread, between two frames: another model may take over.
  void take_next ();

  // Streaming thread, after start().
  RenderModel &current () { return current_; }

  // From any thread; nullptr before open().
  std::shared_ptr<daetalker::Avatar> avatar () const;

private:
  void run_load (const AvatarLoad &load);
  void finish_load (const AvatarLoad &load, RenderModel loaded);
  void check_fit (const daetalker::AvatarInfo &info) const;
  std::string avatar_setting () const;
  bool fits_stream (const RenderModel &model) const;
  void add_waiting (RenderModel model);
  bool take_waiting ();
  void keep_newest ();

  static constexpr gsize max_waiting = 4;
  static constexpr int patience = 500; // frames that replaced models are kept

  GstElement *const element_;
  mutable std::mutex mutex_;
  std::condition_variable loaded_;
  RenderModel current_;
  std::vector<RenderModel> waiting_; // of different hashes, the newest last
  std::string stream_hash_;
  int loads_ = 0;       // waiting or under way
  int quiet_ = 0;       // frames since the last load
  guint64 number_ = 0;  // of the last load asked for
  guint64 dropped_ = 0; // loads up to this number are of a closed avatar
  bool started_ = false;
  AvatarLoads queue_;
};
