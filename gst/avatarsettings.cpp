// SPDX-License-Identifier: LGPL-2.1-or-later
#include "avatarsettings.h"

#include "engineloader.h"

namespace {

enum Property { avatar, device, precision, threads, allow_unconsented };

std::string
to_string (const GValue *value)
{
  const gchar *text = g_value_get_string (value);
  return text != nullptr ? text : "";
}

} // namespace

void
AvatarSettings::install (GObjectClass *klass, guint first, gint avatar_mutable)
{
  const auto ready =
      GParamFlags (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
  const auto changing =
      GParamFlags (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | avatar_mutable);
  g_object_class_install_property (
      klass, first + Property::avatar,
      g_param_spec_string ("avatar", "Avatar",
                           "Folder of the avatar's bundle, or its name in "
                           "DAETALKER_AVATAR_PATH (unset: the shipped avatar)",
                           nullptr, changing));
  g_object_class_install_property (
      klass, first + Property::device,
      g_param_spec_string ("device", "Device",
                           "Where the networks run: auto, cpu, cuda, cuda:N", "auto",
                           ready));
  g_object_class_install_property (
      klass, first + Property::precision,
      g_param_spec_string ("precision", "Precision",
                           "How the networks compute: auto, float32, bfloat16, float16",
                           "auto", ready));
  g_object_class_install_property (
      klass, first + Property::threads,
      g_param_spec_int ("threads", "Threads",
                        "CPU threads of all networks in this process (0: one per "
                        "physical core)",
                        0, 1024, 0, ready));
  g_object_class_install_property (
      klass, first + Property::allow_unconsented,
      g_param_spec_boolean ("allow-unconsented", "Allow unconsented",
                            "Open avatars that hold no record of consent", FALSE, ready));
}

bool
AvatarSettings::set (guint id, guint first, const GValue *value)
{
  switch (id - first) {
  case Property::avatar:
    avatar = to_string (value);
    return true;
  case Property::device:
    options.device = to_string (value);
    return true;
  case Property::precision:
    options.precision = to_string (value);
    return true;
  case Property::threads:
    options.threads = g_value_get_int (value);
    return true;
  case Property::allow_unconsented:
    allow_unconsented = g_value_get_boolean (value);
    return true;
  default:
    return false;
  }
}

bool
AvatarSettings::get (guint id, guint first, GValue *value) const
{
  switch (id - first) {
  case Property::avatar:
    g_value_set_string (value, avatar.empty () ? nullptr : avatar.c_str ());
    return true;
  case Property::device:
    g_value_set_string (value, options.device.c_str ());
    return true;
  case Property::precision:
    g_value_set_string (value, options.precision.c_str ());
    return true;
  case Property::threads:
    g_value_set_int (value, options.threads);
    return true;
  case Property::allow_unconsented:
    g_value_set_boolean (value, allow_unconsented);
    return true;
  default:
    return false;
  }
}

bool
AvatarSettings::operator== (const AvatarSettings &other) const
{
  return avatar == other.avatar && options.device == other.options.device &&
         options.precision == other.options.precision &&
         options.threads == other.options.threads &&
         allow_unconsented == other.allow_unconsented;
}

static void
post_progress (GstElement *element, GstProgressType type, const std::string &text)
{
  gst_element_post_message (element,
                            gst_message_new_progress (GST_OBJECT (element), type,
                                                      "open-avatar", text.c_str ()));
}

std::shared_ptr<daetalker::Avatar>
AvatarSettings::open (GstElement *element) const
{
  post_progress (element, GST_PROGRESS_TYPE_START,
                 "Opening avatar " + (avatar.empty () ? "(shipped)" : avatar));
  try {
    auto opened = open_quietly (element);
    post_progress (element, GST_PROGRESS_TYPE_COMPLETE,
                   "Avatar " + opened->info ().name + " is open");
    return opened;
  } catch (const std::exception &error) {
    post_progress (element, GST_PROGRESS_TYPE_ERROR, error.what ());
    throw;
  }
}

std::shared_ptr<daetalker::Avatar>
AvatarSettings::open_quietly (GstElement *element) const
{
  const gint64 begin = g_get_monotonic_time ();
  auto opened = daetalker_engine_load ().open_avatar (
      daetalker_find_avatar (avatar.c_str ()), options, allow_unconsented);
  const daetalker::AvatarInfo &info = opened->info ();
  const double load_ms = (double)(g_get_monotonic_time () - begin) / 1000;
  GST_INFO_OBJECT (element, "avatar %s runs on %s in %s, loaded in %.1f ms",
                   info.path.c_str (), info.device.c_str (), info.precision.c_str (),
                   load_ms);
  gst_element_post_message (
      element, gst_message_new_element (
                   GST_OBJECT (element),
                   gst_structure_new ("daetalker-model-loaded", "avatar", G_TYPE_STRING,
                                      info.path.c_str (), "device", G_TYPE_STRING,
                                      info.device.c_str (), "precision", G_TYPE_STRING,
                                      info.precision.c_str (), "load-ms", G_TYPE_DOUBLE,
                                      load_ms, nullptr)));
  return opened;
}
