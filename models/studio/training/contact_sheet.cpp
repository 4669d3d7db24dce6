// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/contact_sheet.h"

#include "models/engine.h"

#include <filesystem>
#include <opencv2/imgcodecs.hpp>

namespace daetalker {

void
write_picture (const std::string &path, const torch::Tensor &picture)
{
  torch::Tensor pixels = ((picture + 1) * 127.5)
                             .round ()
                             .clamp (0, 255)
                             .to (torch::kByte)
                             .flip (0) // OpenCV's order is blue, green, red
                             .permute ({1, 2, 0})
                             .contiguous ();
  cv::Mat image (int (pixels.size (0)), int (pixels.size (1)), CV_8UC3,
                 pixels.data_ptr ());
  write_picture (path, image);
}

void
write_picture (const std::string &path, const cv::Mat &picture)
{
  std::filesystem::path target (path);
  std::filesystem::path partial =
      target.parent_path () / (".partial-" + target.filename ().string ());
  std::error_code error;
  if (cv::imwrite (partial.string (), picture))
    std::filesystem::rename (partial, target, error);
  else
    error = std::make_error_code (std::errc::io_error);
  if (error)
    throw Error (ErrorCode::unreadable, path, "the picture cannot be written",
                 "Check the folder's permissions and the free space");
}

} // namespace daetalker
