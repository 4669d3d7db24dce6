// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rendermodel.h"

#include <algorithm>
#include <string>
#include <utility>

using daetalker::AvatarInfo;
using daetalker::Error;
using daetalker::ErrorCode;
using Lock = std::unique_lock<std::mutex>;

void
daetalker_check_steps (const AvatarInfo &info, int steps)
{
  if (std::find (info.steps.begin (), info.steps.end (), steps) != info.steps.end ())
    return;
  std::string known;
  for (int value : info.steps)
    known += (known.empty () ? "" : ", ") + std::to_string (value);
  throw Error (ErrorCode::wrong_model, info.path,
               "this avatar does not render in " + std::to_string (steps) + " steps",
               "Set steps to one of: " + known);
}

void
daetalker_check_render_fit (const AvatarInfo &now, const AvatarInfo &next)
{
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
}

void
RenderModelSlot::open (const AvatarSettings &settings, int steps)
{
  RenderModel model;
  model.avatar = settings.open (element_);
  daetalker_check_steps (model.info (), steps);
  Lock lock (mutex_);
  current_ = std::move (model);
}

void
RenderModelSlot::close ()
{
  Lock lock (mutex_);
  generation_++;
  current_ = {};
  next_.reset ();
}

void
RenderModelSlot::start (int steps)
{
  Lock lock (mutex_);
  loaded_.wait (lock, [this] { return loads_ == 0; });
  started_ = true;
  lock.unlock ();
  current_.start (steps);
}

void
RenderModelSlot::stop ()
{
  Lock lock (mutex_);
  started_ = false;
  stream_hash_.clear ();
  if (next_ != nullptr)
    current_ = std::move (*next_);
  next_.reset ();
  current_.renderer.reset ();
}

// ---- another avatar ----------------------------------------------------------

struct RenderModelSlot::Load {
  RenderModelSlot *slot; // lives as long as the element, which the call holds
  AvatarSettings settings;
  int steps;
  guint64 generation;
  void (*refused) (GstElement *, const std::string &, const std::string &);
};

void
RenderModelSlot::load (const AvatarSettings &settings, int steps,
                       void (*refused) (GstElement *, const std::string &,
                                        const std::string &))
{
  Lock lock (mutex_);
  if (current_.avatar == nullptr)
    return;
  loads_++;
  generation_++;
  gst_element_call_async (element_, run_load,
                          new Load{this, settings, steps, generation_, refused},
                          [] (gpointer data) { delete (Load *)data; });
}

void
RenderModelSlot::run_load (GstElement *element, gpointer data)
{
  Load &load = *(Load *)data;
  RenderModelSlot &slot = *load.slot;
  std::unique_ptr<RenderModel> loaded;
  std::string reason;
  try {
    auto model = std::make_unique<RenderModel> ();
    model->avatar = load.settings.open (element);
    slot.check_fit (model->info ());
    model->start (load.steps);
    loaded = std::move (model);
  } catch (const std::exception &error) {
    reason = error.what ();
  }
  // Messages first: whoever waits for the load sees them in order.
  if (loaded == nullptr) {
    const auto kept = slot.avatar ();
    const std::string path = kept != nullptr ? kept->info ().path : "";
    load.refused (element, load.settings.avatar, path);
    GST_ELEMENT_WARNING (element, LIBRARY, SETTINGS,
                         ("%s. Avatar %s stays.", reason.c_str (), path.c_str ()),
                         (nullptr));
  }
  slot.finish_load (load, std::move (loaded));
}

void
RenderModelSlot::finish_load (Load &load, std::unique_ptr<RenderModel> loaded)
{
  bool waits = false;
  std::string path;
  {
    Lock lock (mutex_);
    loads_--;
    if (loaded != nullptr && load.generation == generation_) {
      path = loaded->info ().path;
      waits = started_ && !fits_stream (*loaded);
      if (started_)
        next_ = std::move (loaded);
      else
        current_ = std::move (*loaded);
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

bool
RenderModelSlot::negotiate (const std::string &model_hash)
{
  Lock lock (mutex_);
  stream_hash_ = model_hash;
  if (!fits_stream (current_))
    loaded_.wait (lock, [this] { return loads_ == 0; });
  if (next_ != nullptr && fits_stream (*next_))
    current_ = std::move (*std::exchange (next_, {}));
  return fits_stream (current_);
}

bool
RenderModelSlot::take_next ()
{
  Lock lock (mutex_);
  if (next_ == nullptr || !fits_stream (*next_))
    return false;
  current_ = std::move (*std::exchange (next_, {}));
  return true;
}

std::shared_ptr<daetalker::Avatar>
RenderModelSlot::avatar () const
{
  Lock lock (mutex_);
  return current_.avatar;
}
