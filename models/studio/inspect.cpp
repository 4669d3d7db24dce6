// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/inspect.h"

namespace daetalker {

Inspection
inspect_clip (const std::string &path, FaceDetector &detector,
              const LandmarkPredictor &predictor, int every)
{
  Inspection inspection;
  const auto look = [&] (std::uint64_t index, const cv::Mat &rgb) {
    if (index % every != 0)
      return;
    const std::vector<cv::Rect2d> faces = detector.detect (rgb);
    cv::Rect2d box;
    if (!faces.empty ())
      box = face_box (predictor.predict (rgb, faces.front ()));
    inspection.track.add ({index, int (faces.size ()), box});
  };
  inspection.media = read_media (path, look, &inspection.speech);

  if (inspection.track.empty ())
    inspection.refused.push_back ("no face was found");
  if (!inspection.media.has_audio)
    inspection.refused.push_back ("it has no sound");
  return inspection;
}

} // namespace daetalker
