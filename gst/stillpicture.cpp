// SPDX-License-Identifier: LGPL-2.1-or-later
#include "stillpicture.h"

#include <cmath>

#include "videoview.h"

void
StillPicture::clear ()
{
  avatar_.reset ();
  gst_clear_buffer (&picture_);
}

bool
StillPicture::looks_like (const AvatarPtr &avatar, const std::vector<float> &latent,
                          int steps, double threshold) const
{
  if (avatar_.lock () != avatar || steps_ != steps || latent_.size () != latent.size ())
    return false;
  double sum = 0;
  for (gsize i = 0; i < latent.size (); i++)
    sum += std::pow (latent[i] - latent_[i], 2);
  return std::sqrt (sum / (double)latent.size ()) <
         threshold * avatar->info ().latent_deviation;
}

void
StillPicture::expect (const AvatarPtr &avatar, const std::vector<float> &latent,
                      int steps)
{
  avatar_ = avatar;
  latent_ = latent;
  steps_ = steps;
}

void
StillPicture::keep (const GstVideoInfo &info, GstBuffer *buffer)
{
  if (picture_ == nullptr || !gst_video_info_is_equal (&info, &info_)) {
    gst_clear_buffer (&picture_);
    picture_ = gst_buffer_new_allocate (nullptr, info.size, nullptr);
  }
  const MappedVideoFrame from (info, buffer, GST_MAP_READ);
  MappedVideoFrame to (info, picture_, GST_MAP_WRITE);
  to.copy (from);
  info_ = info;
}

void
StillPicture::copy_to (GstBuffer *buffer) const
{
  const MappedVideoFrame from (info_, picture_, GST_MAP_READ);
  MappedVideoFrame to (info_, buffer, GST_MAP_WRITE);
  to.copy (from);
}
