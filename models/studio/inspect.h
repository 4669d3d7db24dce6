// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The preflight of one clip: where the face is, where to cut, and what is measured.
#pragma once

#include "models/studio/face_track.h"
#include "models/studio/measures.h"
#include "models/studio/media.h"

#include <vector>

namespace daetalker {

struct InspectOptions {
  double crop_scale = 1.85; // crop side in face box widths
  int every = 5;            // frames between two searches for faces
};

struct Inspection {
  MediaInfo media;
  std::vector<std::int16_t> speech;
  FaceTrack track;
  cv::Rect crop;     // empty if no face was found
  cv::Mat thumbnail; // RGB: the frame with the widest mouth, what was found drawn in
  ClipMeasures measures;
};

// Decodes `path` once; looks for faces in every `every`-th frame and follows their
// landmarks in between.  Throws what read_media () throws.
Inspection inspect_clip (const std::string &path, FaceDetector &detector,
                         const LandmarkPredictor &predictor,
                         const InspectOptions &options);

} // namespace daetalker
