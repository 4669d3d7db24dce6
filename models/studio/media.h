// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Footage in any container that GStreamer decodes, as upright RGB pictures at 25
// frames a second and 16 kHz mono speech on the same time axis.
#pragma once

#include "models/engine.h"

#include <cstdint>
#include <functional>
#include <gst/gst.h>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

namespace daetalker {

constexpr int dataset_fps = 25;
constexpr int dataset_sample_rate = 16000;
constexpr GstClockTime frame_duration = GST_SECOND / dataset_fps;
constexpr int samples_per_frame = dataset_sample_rate / dataset_fps;

// `rgb`: CV_8UC3, square pixels, valid during the call only.
using FrameHandler = std::function<void (std::uint64_t index, const cv::Mat &rgb)>;

struct MediaInfo {
  int width = 0; // of the pictures handed out
  int height = 0;
  Fraction native_fps;        // as the container says; 0/1 = variable or unknown
  std::uint64_t frames = 0;   // at 25 fps
  std::uint64_t repeated = 0; // frames made by repeating one, to reach 25 fps
  std::uint64_t dropped = 0;  // frames left out, to reach 25 fps
  bool has_audio = false;
};

// Decodes `path` from beginning to end.  `on_frame` is called from a thread of
// its own; what it throws ends the decoding and is thrown here.  `speech`, if not
// null, gets exactly frames * samples_per_frame samples, the first one at the
// time of the first frame; it stays empty without an audio stream.
//
// Throws Error: not_found, unreadable (a folder, no permission, not media, no
// decoder), wrong_model (no video stream), failed (the decoder hangs).
MediaInfo read_media (const std::string &path, const FrameHandler &on_frame,
                      std::vector<std::int16_t> *speech);

// Whether the beginning of `path` is that of sound, pictures or a container of them.
bool looks_like_media (const std::string &path);

// Makes the demuxers that `pipeline` will plug trust the presentation times in MPEG
// program streams: their system clock often jumps, and would tear holes into both
// picture and sound.
void ignore_clock_jumps (GstElement *pipeline);

} // namespace daetalker
