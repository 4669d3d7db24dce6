// SPDX-License-Identifier: LGPL-2.1-or-later
#include "latentavatar.h"

#include "engineloader.h"

using daetalker::AvatarInfo;
using daetalker::Error;
using daetalker::ErrorCode;
using Lock = std::unique_lock<std::mutex>;

namespace {

bool
same_rate (const daetalker::Fraction &a, const daetalker::Fraction &b)
{
  return (gint64)a.num * b.den == (gint64)b.num * a.den;
}

} // namespace

void
daetalker_check_latent_fit (const AvatarInfo &now, const AvatarInfo &next)
{
  const char *reason = nullptr;
  if (next.encoder_hash != now.encoder_hash)
    reason = "it was trained on another speech encoder than the running stream's";
  else if (next.latent_size != now.latent_size || next.feature_size != now.feature_size)
    reason = "its latents or features have another size than the running stream's";
  else if (!same_rate (next.fps, now.fps) ||
           !same_rate (next.feature_rate, now.feature_rate))
    reason = "its rates are not the running stream's";
  else if (next.window.chunk == 0 || now.window.chunk == 0)
    reason = "an avatar without chunks cannot change within a stream";
  if (reason != nullptr)
    throw Error (ErrorCode::wrong_model, next.path, reason,
                 "Stop the pipeline to change to this avatar");
}

void
LatentAvatarSlot::open (const AvatarSettings &settings)
{
  {
    Lock lock (mutex_);
    if (current_ != nullptr && settings == current_settings_)
      return;
  }
  auto opened = settings.open (element_);
  Lock lock (mutex_);
  current_.swap (opened);
  current_settings_ = settings;
}

void
LatentAvatarSlot::close ()
{
  std::shared_ptr<daetalker::Avatar> closed; // freed outside of the lock
  Lock lock (mutex_);
  current_.swap (closed);
}

void
LatentAvatarSlot::start ()
{
  Lock lock (mutex_);
  started_ = true;
}

void
LatentAvatarSlot::stop ()
{
  std::shared_ptr<daetalker::Avatar> dropped;
  Lock lock (mutex_);
  started_ = false;
  number_++;
  next_.swap (dropped);
}

void
LatentAvatarSlot::load (const AvatarSettings &settings,
                        void (*refused) (GstElement *, const std::string &,
                                         const std::string &))
{
  Lock lock (mutex_);
  if (!started_)
    return;
  number_++;
  loads_.add ({settings, 0, number_, refused});
}

void
LatentAvatarSlot::run_load (const AvatarLoad &load)
{
  {
    Lock lock (mutex_);
    // Only the last load asked for counts.
    if (load.number != number_ || current_ == nullptr)
      return;
  }
  try {
    auto next = load.settings.open (element_);
    const auto now = current ();
    if (now == nullptr)
      return;
    daetalker_check_latent_fit (now->info (), next->info ());
    Lock lock (mutex_);
    if (load.number == number_) {
      next_.swap (next);
      next_settings_ = load.settings;
    }
    return;
  } catch (const Error &error) {
    daetalker_post_error (element_, error, GST_MESSAGE_WARNING);
  } catch (const std::exception &error) {
    daetalker_post_error (element_,
                          Error (ErrorCode::failed, load.settings.avatar, error.what (),
                                 "The avatar in use stays"),
                          GST_MESSAGE_WARNING);
  }
  Lock lock (mutex_);
  const std::string kept = current_settings_.avatar;
  lock.unlock ();
  load.refused (element_, load.settings.avatar, kept);
}

std::shared_ptr<daetalker::Avatar>
LatentAvatarSlot::take_next ()
{
  Lock lock (mutex_);
  if (next_ == nullptr)
    return nullptr;
  current_ = std::move (next_);
  next_ = nullptr;
  current_settings_ = next_settings_;
  return current_;
}

std::shared_ptr<daetalker::Avatar>
LatentAvatarSlot::current () const
{
  Lock lock (mutex_);
  return current_;
}
