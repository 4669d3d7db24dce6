// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/autoencoder_validator.h"

#include "models/nn/diffusion.h"
#include "models/nn/weights.h"
#include "models/studio/evaluation/picture_quality.h"
#include "models/studio/training/contact_sheet.h"

#include <opencv2/imgproc.hpp>
#include <torch/utils.h>

namespace daetalker {

using torch::Tensor;

namespace {

cv::Mat
as_image (const Tensor &rows) // uint8 [H, W, 3]
{
  return cv::Mat (int (rows.size (0)), int (rows.size (1)), CV_8UC3, rows.data_ptr ());
}

cv::Rect
mouth_box (const Tensor &landmarks, int side) // [68, 2]
{
  constexpr float margin = 6;
  const Tensor points = landmarks.slice (0, 48, 68);
  const Tensor low = std::get<0> (points.min (0)) - margin;
  const Tensor high = std::get<0> (points.max (0)) + margin;
  const cv::Rect box (cv::Point (low[0].item<int> (), low[1].item<int> ()),
                      cv::Point (high[0].item<int> (), high[1].item<int> ()));
  const cv::Rect whole (0, 0, side, side);
  const cv::Rect inside = box & whole;
  return inside.empty () ? whole : inside;
}

} // namespace

AutoencoderValidator::AutoencoderValidator (const FrameStore &store,
                                            const AutoencoderConfig &config,
                                            const Tensor &noise, torch::ScalarType type)
    : store_ (store), network_ (config), noise_ (noise.unsqueeze (0))
{
  constexpr int64_t count = 96;
  const Tensor &all = store.validation ();
  chosen_ = all.index_select (
      0, torch::linspace (0, double (all.size (0) - 1), std::min (count, all.size (0)))
             .to (torch::kLong));
  convert_convolutions (*network_, type);
  network_->eval ();
}

nlohmann::json
AutoencoderValidator::run (const TensorMap &weights, const std::string &sheet)
{
  torch::NoGradGuard guard;
  for (auto &[name, tensor] : named_weights (*network_))
    tensor.copy_ (weights.at (name));
  double whole = 0, mouth = 0;
  double made_detail = 0, real_detail = 0, made_mouth_detail = 0, real_mouth_detail = 0;
  std::vector<Tensor> columns;
  const Tensor t = torch::full ({1}, diffusion_steps - 1, torch::kFloat);
  const int64_t count = chosen_.size (0);
  for (int64_t i = 0; i < count; i++) {
    const Tensor index = chosen_.narrow (0, i, 1);
    const Tensor real_rows = store_.pictures (index)[0];
    const Tensor real =
        (real_rows.to (torch::kFloat) / 127.5 - 1).permute ({2, 0, 1}).contiguous ();
    const Tensor z = network_->encode (real.unsqueeze (0));
    const Tensor made = network_->unet->forward (noise_, t, z)[0].clamp (-1, 1);
    const Tensor made_rows =
        ((made + 1) * 127.5).round ().to (torch::kByte).permute ({1, 2, 0}).contiguous ();
    const cv::Mat made_image = as_image (made_rows), real_image = as_image (real_rows);
    const cv::Rect box =
        mouth_box (store_.landmarks ().index_select (0, index)[0], store_.side ());
    whole += psnr (made_image, real_image);
    mouth += psnr (made_image (box).clone (), real_image (box).clone ());
    made_detail += sharpness (made_image);
    real_detail += sharpness (real_image);
    made_mouth_detail += sharpness (made_image (box));
    real_mouth_detail += sharpness (real_image (box));
    if (i % std::max<int64_t> (count / 8, 1) == 0 && columns.size () < 8)
      columns.push_back (torch::cat ({real, made, ((made - real) * 4).clamp (-1, 1)}, 1));
  }
  write_picture (sheet, torch::cat (columns, 2));
  return {{"psnr", whole / count},
          {"mouth_psnr", mouth / count},
          {"sharpness", made_detail / real_detail},
          {"mouth_sharpness", made_mouth_detail / real_mouth_detail}};
}

} // namespace daetalker
