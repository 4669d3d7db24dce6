// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The last picture drawn, to be shown again while the latents hardly change: in silence
// every third frame of a face that idles differs from the one before by less than anyone
// sees.
#pragma once

#include <gst/video/video.h>

#include <memory>
#include <vector>

#include "models/engine.h"

// Of one stream in system memory; streaming thread only.
class StillPicture {
public:
  using AvatarPtr = std::shared_ptr<daetalker::Avatar>;

  ~StillPicture () { clear (); }

  void clear ();

  // Whether a picture of `latent` looks like the one expected last: the same avatar and
  // steps, and numbers that differ by less than `threshold` standard deviations, root
  // mean square.
  bool looks_like (const AvatarPtr &avatar, const std::vector<float> &latent, int steps,
                   double threshold) const;

  // A picture of `latent` is being drawn.
  void expect (const AvatarPtr &avatar, const std::vector<float> &latent, int steps);

  // Of `buffer`, which holds it, a copy.  Throws daetalker::Error (failed) if it cannot
  // be mapped.
  void keep (const GstVideoInfo &info, GstBuffer *buffer);

  // Of the picture kept last.  Throws like keep ().
  void copy_to (GstBuffer *buffer) const;

private:
  // Not its address: the next avatar may get the same.
  std::weak_ptr<daetalker::Avatar> avatar_;
  std::vector<float> latent_;
  int steps_ = 0;
  GstVideoInfo info_{};
  GstBuffer *picture_ = nullptr;
};
