// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The preflight of one clip: where the face is and what speaks against its use.
#pragma once

#include "models/studio/face_track.h"
#include "models/studio/media.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace daetalker {

struct Inspection {
  MediaInfo media;
  std::vector<std::int16_t> speech;
  FaceTrack track;
  nlohmann::json measures;
  std::vector<std::string> refused; // empty: the clip is used
};

// Decodes `path` once and looks for faces in every `every`-th frame.  Throws what
// read_media () throws.
Inspection inspect_clip (const std::string &path, FaceDetector &detector,
                         const LandmarkPredictor &predictor, int every);

} // namespace daetalker
