// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/eigenfaces.h"

#include "models/nn/bicubic.h"

#include <torch/nn/functional/upsampling.h>
#include <torch/utils.h>

namespace daetalker {

using torch::Tensor;
namespace F = torch::nn::functional;

namespace {

// JPEG's full-range conversion (ITU-T T.871) and back, offset-free since black is -1.
constexpr float to_ycc[] = {0.299f, 0.587f, 0.114f,     -0.168736f, -0.331264f,
                            0.5f,   0.5f,   -0.418688f, -0.081312f};
// What Cb and Cr add to Y in R, G and B.
constexpr float to_rgb[] = {0, 1.402f, -0.344136f, -0.714136f, 1.772f, 0};

// Of 1x1, with three channels out.
Tensor
as_convolution (at::ArrayRef<float> matrix)
{
  return torch::tensor (matrix, torch::kFloat).view ({3, -1, 1, 1});
}

Tensor
mix_channels (const Tensor &matrix, const Tensor &pictures)
{
  return torch::conv2d (pictures, matrix.to (pictures.device ()));
}

// [factor * side, side]: times a column of pixels, that column enlarged bicubically.
Tensor
enlarging (int64_t side, double factor)
{
  const Tensor columns = torch::eye (side).view ({1, 1, side, side});
  return F::interpolate (columns, F::InterpolateFuncOptions ()
                                      .scale_factor (std::vector<double>{factor, 1})
                                      .mode (torch::kBicubic)
                                      .align_corners (false))[0][0];
}

// [B, C, side, side], of each plane.
Tensor
enlarged (const Tensor &planes, const Tensor &enlarging)
{
  if (planes.is_cpu () && !at::GradMode::is_enabled ())
    return enlarge_bicubically (planes.contiguous (),
                                int (enlarging.size (0) / enlarging.size (1)));
  const Tensor matrix = enlarging.to (planes.device ());
  return torch::matmul (torch::matmul (matrix, planes), matrix.t ());
}

Tensor
orthonormal (const Tensor &columns)
{
  return std::get<0> (torch::linalg_qr (columns));
}

} // namespace

EigenfacesImpl::EigenfacesImpl (int side, int count)
    : side_ (side), to_ycc_ (as_convolution (to_ycc)), to_rgb_ (as_convolution (to_rgb)),
      twice_ (enlarging (side / 2, 2)), four_times_ (enlarging (side / 4, 4))
{
  const int64_t size = int64_t (side) * side * 3 / 8;
  mean_ = register_buffer ("mean", torch::zeros ({size}));
  directions_ = register_buffer ("directions", torch::zeros ({count, size}));
  weights_ = register_buffer ("weights", torch::ones ({size}));
  deviations_ = register_buffer ("deviations", torch::ones ({count}));
}

Tensor
EigenfacesImpl::rows (const Tensor &pictures) const
{
  const Tensor ycc = mix_channels (to_ycc_, pictures.to (torch::kFloat));
  return torch::cat ({torch::avg_pool2d (ycc.slice (1, 0, 1), 2).flatten (1),
                      torch::avg_pool2d (ycc.slice (1, 1), 4).flatten (1)},
                     1);
}

Tensor
EigenfacesImpl::encode (const Tensor &pictures)
{
  // The directions are orthogonal where errors are weighted.
  const Tensor weighted = (rows (pictures) - mean_) * weights_;
  return torch::matmul (weighted, directions_.t ()) / deviations_.pow (2);
}

EigenfacesImpl::Planes
EigenfacesImpl::decode (const Tensor &z)
{
  const Tensor weights = z.to (torch::kFloat);
  const Tensor rows = packed_.is_empty () ? torch::addmm (mean_, weights, directions_)
                                          : packed_.sum (mean_, weights);
  const int64_t half = side_ / 2, quarter = side_ / 4;
  return {rows.slice (1, 0, half * half).view ({-1, 1, half, half}),
          rows.slice (1, half * half).view ({-1, 2, quarter, quarter})};
}

void
EigenfacesImpl::settle ()
{
  for (Tensor *constant : {&to_ycc_, &to_rgb_, &twice_, &four_times_})
    *constant = constant->to (directions_.device ());
  if (directions_.is_cpu ())
    packed_ = PackedRows (directions_);
}

Tensor
EigenfacesImpl::picture (const Planes &planes) const
{
  return enlarged (planes.brightness, twice_) +
         enlarged (mix_channels (to_rgb_, planes.colour), four_times_);
}

Tensor
EigenfacesImpl::within (const Tensor &mask) const
{
  const Tensor quarter = torch::avg_pool2d (mask.unsqueeze (0), 2).flatten ();
  const Tensor share = torch::cat ({mask.flatten (), quarter, quarter}) * weights_;
  return torch::matmul (directions_ * share, directions_.t ()) / deviations_.pow (2);
}

void
EigenfacesImpl::fit (const Tensor &rows, const Tensor &weights)
{
  // Randomised range finder (Halko, Martinsson and Tropp 2011, algorithm 4.4).
  constexpr int64_t spare = 64;
  constexpr int passes = 3;
  torch::NoGradGuard guard;
  const int64_t count = directions_.size (0);
  const Tensor mean = rows.mean (0);
  const Tensor share = (weights / weights.mean ()).to (torch::kHalf).to (torch::kFloat);
  const Tensor scale = share.sqrt ();
  const Tensor centred = (rows - mean) * scale;
  const int64_t wanted = std::min (count + spare, centred.size (0));
  Tensor basis =
      orthonormal (torch::matmul (centred, torch::randn ({centred.size (1), wanted})));
  for (int pass = 0; pass < passes; pass++)
    basis = orthonormal (
        torch::matmul (centred, orthonormal (torch::matmul (centred.t (), basis))));
  const Tensor small = torch::matmul (basis.t (), centred); // [wanted, size]
  const auto [variances, axes] =
      torch::linalg_eigh (torch::matmul (small, small.t ()), "L"); // ascending
  const Tensor largest = axes.narrow (1, wanted - count, count).flip (1);
  const Tensor found =
      torch::matmul (largest.t (), small) / std::sqrt (double (rows.size (0)));
  mean_.copy_ (mean.to (torch::kHalf));
  directions_.copy_ ((found / scale).to (torch::kHalf));
  weights_.copy_ (share);
  deviations_.copy_ (
      (directions_ * scale).norm (2, {1}).clamp_min (1e-6).to (torch::kHalf));
}

} // namespace daetalker
