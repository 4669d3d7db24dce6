// SPDX-License-Identifier: LGPL-2.1-or-later
//
// One clip of a dataset, or several side by side, as a Matroska file: FFV1 pictures
// (RGB, lossless) and FLAC speech.
#pragma once

#include "models/studio/gst_pointers.h"

#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

namespace daetalker {

class ClipWriter {
public:
  // `speech`: 16 kHz mono, may be empty (a file without sound); `beside`: pictures of
  // 256x256 beside each other.  Writes under a temporary name beside `path`.  Throws
  // Error (not_found) if an element is missing.
  ClipWriter (const std::string &path, const std::vector<std::int16_t> &speech,
              int beside = 1);
  ~ClipWriter (); // without finish(): nothing is left behind
  ClipWriter (const ClipWriter &) = delete;
  ClipWriter &operator= (const ClipWriter &) = delete;

  // `rgb`: CV_8UC3, 256 high, 256 wide for each picture.  Throws Error (failed), e.g.
  // when the disk is full.
  void write (const cv::Mat &rgb);

  // Completes the file and gives it its name.
  void finish ();

private:
  void push_speech (const std::vector<std::int16_t> &speech);
  void check_bus (GstClockTime timeout, bool until_end);

  std::string path_;
  std::string temporary_;
  int width_;
  GstElementPointer pipeline_;
  GstElementPointer frames_;
  std::uint64_t count_ = 0;
};

} // namespace daetalker
