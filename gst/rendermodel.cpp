// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rendermodel.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

using daetalker::AvatarInfo;
using daetalker::Error;
using daetalker::ErrorCode;
using Lock = std::unique_lock<std::mutex>;

void
daetalker_check_steps (const AvatarInfo &info, int steps)
{
  if (steps == 0 ||
      std::find (info.steps.begin (), info.steps.end (), steps) != info.steps.end ())
    return;
  std::string known;
  for (int value : info.steps)
    known += (known.empty () ? "" : ", ") + std::to_string (value);
  throw Error (ErrorCode::wrong_model, info.path,
               "this avatar does not render in " + std::to_string (steps) + " steps",
               "Set steps to 0 (as many as there is time for) or one of: " + known);
}

void
daetalker_check_render_fit (const AvatarInfo &now, const AvatarInfo &next)
{
  if (next.device != now.device)
    throw Error (ErrorCode::wrong_model, next.path,
                 "it would run on " + next.device + " and the running stream is on " +
                     now.device,
                 "Stop the pipeline to change the device");
  if (next.width == now.width && next.height == now.height &&
      next.latent_size == now.latent_size)
    return;
  auto shape = [] (const AvatarInfo &avatar) {
    return std::to_string (avatar.width) + "x" + std::to_string (avatar.height) +
           " with latents of " + std::to_string (avatar.latent_size);
  };
  throw Error (ErrorCode::wrong_model, next.path,
               "it is " + shape (next) + " and the running stream " + shape (now),
               "Stop the pipeline to change to an avatar of another shape");
}

void
RenderModel::start (int steps)
{
  const AvatarInfo &facts = info ();
  daetalker_check_steps (facts, steps);
  if (steps == 0)
    steps = facts.steps.front ();
  if (renderer == nullptr)
    renderer = avatar->open_renderer ();
  renderer->warm_up (steps);

  std::vector<std::uint8_t> pixels ((gsize)facts.width * facts.height * 4);
  std::vector<float> latent = facts.rest_latent;
  latent.resize (facts.latent_size);
  daetalker::ImageView view;
  view.width = facts.width;
  view.height = facts.height;
  view.plane[0] = pixels.data ();
  view.stride[0] = facts.width * 4;
  const gint64 begin = g_get_monotonic_time ();
  renderer->render (latent.data (), steps, view);
  measured = (GstClockTime)(g_get_monotonic_time () - begin) * GST_USECOND;
  measured_steps = steps;
}

void
RenderModelSlot::open (const AvatarSettings &settings, int steps)
{
  RenderModel model;
  model.settings = settings;
  model.avatar = settings.open (element_);
  daetalker_check_steps (model.info (), steps);
  Lock lock (mutex_);
  current_ = std::move (model);
}

void
RenderModelSlot::close ()
{
  Lock lock (mutex_);
  dropped_ = number_;
  current_ = {};
  waiting_.clear ();
}

void
RenderModelSlot::wait_for_loads ()
{
  Lock lock (mutex_);
  loaded_.wait (lock, [this] { return loads_ == 0; });
}

void
RenderModelSlot::start (const AvatarSettings &settings, int steps)
{
  Lock lock (mutex_);
  started_ = true;
  const bool other = !(current_.settings == settings);
  lock.unlock ();
  try {
    if (other)
      open (settings, steps);
    current_.start (steps);
  } catch (...) {
    lock.lock ();
    started_ = false;
    throw;
  }
}

void
RenderModelSlot::stop ()
{
  Lock lock (mutex_);
  started_ = false;
  stream_hash_.clear ();
  keep_newest ();
  if (!waiting_.empty ())
    current_ = std::move (waiting_.back ());
  waiting_.clear ();
  current_.renderer.reset ();
}

// ---- another avatar ----------------------------------------------------------

void
RenderModelSlot::load (const AvatarSettings &settings, int steps,
                       void (*refused) (GstElement *, const std::string &,
                                        const std::string &))
{
  Lock lock (mutex_);
  if (current_.avatar == nullptr)
    return;
  number_++;
  loads_ += 1 - queue_.add ({settings, steps, number_, refused});
}

void
RenderModelSlot::run_load (const AvatarLoad &load)
{
  RenderModel loaded;
  loaded.settings = load.settings;
  std::string reason;
  try {
    loaded.avatar = load.settings.open (element_);
    check_fit (loaded.info ());
    loaded.start (load.steps);
  } catch (const std::exception &error) {
    loaded = {};
    reason = error.what ();
  }
  // Messages first: whoever waits for the load sees them in order.
  if (loaded.avatar == nullptr) {
    const auto kept = avatar ();
    const std::string path = kept != nullptr ? kept->info ().path : "";
    load.refused (element_, load.settings.avatar, avatar_setting ());
    GST_ELEMENT_WARNING (element_, LIBRARY, SETTINGS,
                         ("%s. Avatar %s stays.", reason.c_str (), path.c_str ()),
                         (nullptr));
  }
  finish_load (load, std::move (loaded));
}

void
RenderModelSlot::finish_load (const AvatarLoad &load, RenderModel loaded)
{
  bool waits = false;
  std::string path;
  {
    Lock lock (mutex_);
    loads_--;
    if (loaded.avatar != nullptr && load.number > dropped_) {
      path = loaded.info ().path;
      waits = started_ && !fits_stream (loaded);
      quiet_ = 0;
      loaded.number = load.number;
      if (started_)
        add_waiting (std::move (loaded));
      else
        current_ = std::move (loaded);
    }
    loaded_.notify_all ();
  }
  if (waits)
    GST_ELEMENT_INFO (
        element_, LIBRARY, SETTINGS,
        ("Avatar %s takes over when latents made for it arrive.", path.c_str ()),
        (nullptr));
}

void
RenderModelSlot::check_fit (const AvatarInfo &info) const
{
  Lock lock (mutex_);
  if (started_ && current_.avatar != nullptr)
    daetalker_check_render_fit (current_.info (), info);
}

bool
RenderModelSlot::fits_stream (const RenderModel &model) const
{
  return stream_hash_.empty () || model.info ().hash == stream_hash_;
}

// These three with the lock held.

void
RenderModelSlot::add_waiting (RenderModel model)
{
  const auto same =
      std::find_if (waiting_.begin (), waiting_.end (), [&] (const RenderModel &other) {
        return other.info ().hash == model.info ().hash;
      });
  if (same != waiting_.end ())
    waiting_.erase (same);
  waiting_.push_back (std::move (model));
  if (waiting_.size () > max_waiting)
    waiting_.erase (waiting_.begin ());
}

// The newest model that fits the stream changes places with the one in use.
bool
RenderModelSlot::take_waiting ()
{
  const auto next =
      std::find_if (waiting_.rbegin (), waiting_.rend (),
                    [this] (const RenderModel &model) { return fits_stream (model); });
  if (next == waiting_.rend ())
    return false;
  std::swap (current_, *next);
  if (fits_stream (*next)) // never to be asked for again
    waiting_.erase (std::prev (next.base ()));
  return true;
}

void
RenderModelSlot::keep_newest ()
{
  const auto old = std::remove_if (
      waiting_.begin (), waiting_.end (),
      [this] (const RenderModel &model) { return model.number != number_; });
  waiting_.erase (old, waiting_.end ());
}

bool
RenderModelSlot::negotiate (const std::string &model_hash)
{
  Lock lock (mutex_);
  stream_hash_ = model_hash;
  while (!fits_stream (current_) && !take_waiting () && loads_ > 0)
    loaded_.wait (lock);
  return fits_stream (current_);
}

void
RenderModelSlot::take_next ()
{
  Lock lock (mutex_);
  if (waiting_.empty ())
    return;
  if (loads_ == 0 && ++quiet_ > patience)
    keep_newest ();
  take_waiting ();
}

std::string
RenderModelSlot::avatar_setting () const
{
  Lock lock (mutex_);
  return current_.settings.avatar;
}

std::shared_ptr<daetalker::Avatar>
RenderModelSlot::avatar () const
{
  Lock lock (mutex_);
  return current_.avatar;
}
