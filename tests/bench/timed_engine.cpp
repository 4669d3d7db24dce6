// SPDX-License-Identifier: LGPL-2.1-or-later
//
// An engine that passes every call on to the one in DAETALKER_TIMED_ENGINE and measures
// how much of the time it was at work.  At the end of the process a line goes to the
// file DAETALKER_ENGINE_TIMES:
//
//   WALL BUSY PROCESSOR ENGINE
//
// in seconds, from the first stream call to the end of the last one: of the wall clock;
// of the wall clock with at least one call under way; of all threads' processor time;
// of the calls' own threads in calls.
#include "models/engine.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <gmodule.h>
#include <mutex>

namespace daetalker {
namespace {

double
seconds (clockid_t clock)
{
  timespec time;
  clock_gettime (clock, &time);
  return double (time.tv_sec) + 1e-9 * double (time.tv_nsec);
}

class Times {
public:
  ~Times ()
  {
    const char *path = std::getenv ("DAETALKER_ENGINE_TIMES");
    FILE *file = path ? std::fopen (path, "w") : nullptr;
    if (!file)
      return;
    std::fprintf (file, "%.6f %.6f %.6f %.6f\n", last_wall_ - first_wall_, busy_,
                  last_processor_ - first_processor_, engine_);
    std::fclose (file);
  }

  void enter ()
  {
    const std::lock_guard lock (mutex_);
    const double now = seconds (CLOCK_MONOTONIC);
    if (first_wall_ == 0) {
      first_wall_ = now;
      first_processor_ = seconds (CLOCK_PROCESS_CPUTIME_ID);
    }
    if (calls_++ == 0)
      began_ = now;
  }

  void leave (double processor)
  {
    const std::lock_guard lock (mutex_);
    last_wall_ = seconds (CLOCK_MONOTONIC);
    last_processor_ = seconds (CLOCK_PROCESS_CPUTIME_ID);
    engine_ += processor;
    if (--calls_ == 0)
      busy_ += last_wall_ - began_;
  }

private:
  std::mutex mutex_;
  int calls_ = 0;
  double began_ = 0, busy_ = 0, engine_ = 0;
  double first_wall_ = 0, last_wall_ = 0, first_processor_ = 0, last_processor_ = 0;
};

Times times;

class Call {
public:
  Call ()
  {
    times.enter ();
    began_ = seconds (CLOCK_THREAD_CPUTIME_ID);
  }
  ~Call () { times.leave (seconds (CLOCK_THREAD_CPUTIME_ID) - began_); }

private:
  double began_;
};

class TimedFeatures : public FeatureStream {
public:
  explicit TimedFeatures (std::unique_ptr<FeatureStream> own) : own_ (std::move (own)) {}
  void push (const float *samples, std::size_t count) override
  {
    const Call call;
    own_->push (samples, count);
  }
  void finish () override { own_->finish (); }
  std::size_t pull (std::vector<float> &features, const Stop &stop) override
  {
    const Call call;
    return own_->pull (features, stop);
  }
  void reset () override { own_->reset (); }

private:
  std::unique_ptr<FeatureStream> own_;
};

class TimedSpeechEncoder : public SpeechEncoder {
public:
  explicit TimedSpeechEncoder (std::shared_ptr<SpeechEncoder> own)
      : own_ (std::move (own))
  {
  }
  const SpeechEncoderInfo &info () const override { return own_->info (); }
  std::unique_ptr<FeatureStream> open_stream (const Window *window) override
  {
    return std::make_unique<TimedFeatures> (own_->open_stream (window));
  }

private:
  std::shared_ptr<SpeechEncoder> own_;
};

class TimedLatents : public LatentStream {
public:
  explicit TimedLatents (std::unique_ptr<LatentStream> own) : own_ (std::move (own)) {}
  void push (const float *features, std::size_t frames) override
  {
    const Call call;
    own_->push (features, frames);
  }
  void finish () override { own_->finish (); }
  std::size_t pull (const PoseControl &control, std::vector<LatentFrame> &out,
                    const Stop &stop) override
  {
    const Call call;
    return own_->pull (control, out, stop);
  }
  void reset () override { own_->reset (); }

private:
  std::unique_ptr<LatentStream> own_;
};

class TimedRenderer : public Renderer {
public:
  explicit TimedRenderer (std::unique_ptr<Renderer> own) : own_ (std::move (own)) {}
  void warm_up (int steps) override { own_->warm_up (steps); }
  bool render (const float *latent, int steps, const ImageView &out,
               const Stop &stop) override
  {
    const Call call;
    return own_->render (latent, steps, out, stop);
  }

private:
  std::unique_ptr<Renderer> own_;
};

class TimedAvatar : public Avatar {
public:
  explicit TimedAvatar (std::shared_ptr<Avatar> own) : own_ (std::move (own)) {}
  const AvatarInfo &info () const override { return own_->info (); }
  std::shared_ptr<SpeechEncoder> speech_encoder () override
  {
    return std::make_shared<TimedSpeechEncoder> (own_->speech_encoder ());
  }
  std::unique_ptr<LatentStream> open_stream (const Window *window) override
  {
    return std::make_unique<TimedLatents> (own_->open_stream (window));
  }
  std::unique_ptr<Renderer> open_renderer () override
  {
    return std::make_unique<TimedRenderer> (own_->open_renderer ());
  }
  std::unique_ptr<ImageEncoder> open_image_encoder () override
  {
    return own_->open_image_encoder ();
  }

private:
  std::shared_ptr<Avatar> own_;
};

class TimedEngine : public Engine {
public:
  explicit TimedEngine (Engine &own) : own_ (own) {}
  std::string name () const override { return own_.name () + ", timed"; }
  std::vector<std::string> devices () const override { return own_.devices (); }
  std::shared_ptr<Avatar> open_avatar (const std::string &path,
                                       const DeviceOptions &options,
                                       bool allow_unconsented) override
  {
    return std::make_shared<TimedAvatar> (
        own_.open_avatar (path, options, allow_unconsented));
  }
  std::shared_ptr<SpeechEncoder> open_speech_encoder (const std::string &path,
                                                      const DeviceOptions &options,
                                                      int layer) override
  {
    return std::make_shared<TimedSpeechEncoder> (
        own_.open_speech_encoder (path, options, layer));
  }

private:
  Engine &own_;
};

} // namespace
} // namespace daetalker

daetalker::Engine *
daetalker_engine_create (int abi)
{
  const char *path = std::getenv ("DAETALKER_TIMED_ENGINE");
  GModule *module = path ? g_module_open (path, G_MODULE_BIND_LOCAL) : nullptr;
  gpointer create = nullptr;
  if (!module || !g_module_symbol (module, "daetalker_engine_create", &create)) {
    std::fprintf (stderr, "timed_engine: DAETALKER_TIMED_ENGINE=%s is no engine\n",
                  path ? path : "");
    return nullptr;
  }
  daetalker::Engine *own = reinterpret_cast<DaetalkerEngineCreate> (create) (abi);
  return own ? new daetalker::TimedEngine (*own) : nullptr;
}
