// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What an avatar is measured beside: pictures for a real clip that no network made.
// Pictures: CV_8UC3 in RGB, all of one size.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

namespace daetalker {

using Pictures = std::vector<cv::Mat>;

// The clip's own mean picture, all the time.
Pictures mean_frame (const Pictures &real);

// Real frames of the footage: who wants to show a face without a network can show these.
class FootageFrames {
public:
  // `count` frames (all, if there are fewer) of the dataset's clips `names`, evenly
  // spread.  Throws Error as read_media does.
  FootageFrames (const std::string &dataset, const std::vector<std::string> &names,
                 std::size_t count);

  bool empty () const { return frames_.empty (); }

  // For each picture the one whose thumbnail of 32x32 is nearest to its own.
  Pictures nearest (const Pictures &real) const;

private:
  Pictures frames_, thumbnails_;
};

} // namespace daetalker
