// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/reference_frames.h"

#include <opencv2/core.hpp>

namespace daetalker {

using torch::Tensor;

Tensor
reference_frames (const FrameStore &store, int count, uint64_t seed)
{
  const Tensor &frames = store.training ();
  Tensor points = store.landmarks ()
                      .index_select (0, frames)
                      .flatten (1)
                      .to (torch::kFloat)
                      .contiguous ();
  const cv::Mat samples (int (points.size (0)), int (points.size (1)), CV_32F,
                         points.data_ptr<float> ());
  cv::Mat labels, centres;
  cv::theRNG ().state = seed;
  cv::kmeans (samples, count, labels,
              cv::TermCriteria (cv::TermCriteria::COUNT + cv::TermCriteria::EPS, 30, 0.1),
              3, cv::KMEANS_PP_CENTERS, centres);
  const Tensor middle =
      torch::from_blob (centres.data, {centres.rows, centres.cols}, torch::kFloat);
  const Tensor nearest = std::get<1> (torch::cdist (middle, points).min (1));
  return (store.pictures (frames.index_select (0, nearest)).to (torch::kFloat) / 127.5 -
          1)
      .permute ({0, 3, 1, 2})
      .contiguous ();
}

} // namespace daetalker
