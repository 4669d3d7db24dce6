// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/evaluation/baselines.h"

#include "models/studio/dataset.h"
#include "models/studio/media.h"
#include "models/studio/progress.h"

#include <opencv2/imgproc.hpp>

namespace daetalker {

namespace {

cv::Mat
thumbnail (const cv::Mat &picture)
{
  cv::Mat small;
  cv::resize (picture, small, cv::Size (32, 32), 0, 0, cv::INTER_AREA);
  return small;
}

} // namespace

Pictures
mean_frame (const Pictures &real)
{
  cv::Mat sum = cv::Mat::zeros (real.at (0).size (), CV_64FC3), mean;
  for (const cv::Mat &picture : real)
    cv::accumulate (picture, sum);
  sum.convertTo (mean, CV_8UC3, 1.0 / double (real.size ()));
  return Pictures (real.size (), mean);
}

FootageFrames::FootageFrames (const std::string &dataset,
                              const std::vector<std::string> &names, std::size_t count)
{
  const DatasetIndex index = load_dataset_index (dataset);
  std::uint64_t total = 0;
  for (const std::string &name : names)
    if (const DatasetPiece *piece = index.find_piece (name))
      total += piece->frames;
  std::uint64_t seen = 0;
  Progress progress ("footage", names.size ());
  for (const std::string &name : names) {
    read_media (
        dataset_clip_path (dataset, name) + ".mkv",
        [&] (std::uint64_t, const cv::Mat &rgb) {
          // One of so many that `count` of `total` are taken.
          if (count >= total || seen * count / total != (seen + 1) * count / total) {
            frames_.push_back (rgb.clone ());
            thumbnails_.push_back (thumbnail (rgb));
          }
          ++seen;
        },
        nullptr);
    progress.add ();
  }
}

Pictures
FootageFrames::nearest (const Pictures &real) const
{
  Pictures result;
  for (const cv::Mat &picture : real) {
    const cv::Mat wanted = thumbnail (picture);
    const auto distance = [&wanted] (const cv::Mat &other) {
      return cv::norm (wanted, other, cv::NORM_L2SQR);
    };
    std::size_t best = 0;
    double least = distance (thumbnails_.at (0));
    for (std::size_t i = 1; i < thumbnails_.size (); ++i)
      if (const double here = distance (thumbnails_[i]); here < least) {
        least = here;
        best = i;
      }
    result.push_back (frames_[best]);
  }
  return result;
}

} // namespace daetalker
