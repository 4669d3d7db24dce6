// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/winograd.h"

#include <algorithm>
#include <ATen/Parallel.h>
#include <ATen/record_function.h>
#include <memory>
#include <torch/autograd.h>
#include <torch/utils.h>
#include <vector>

#include "models/nn/lanes.h"
#include "models/nn/small_product.h"
#include "models/nn/winograd_kernels.h"

namespace daetalker {

using torch::Tensor;
using winograd::Pictures;
using winograd::points;

namespace {

// Tiles whose transforms stay in the second cache together, in whole rounds of multiply
// (); no power of two, at which all points of a tile would fall on the same lines of a
// cache.
constexpr int64_t tiles_at_once = 18;
// To read the weights' points takes the time of as many tiles' multiplications.
constexpr int64_t enough_tiles = 16;

using Memory = std::unique_ptr<float[]>;

// Unlike a vector's, not set to zeros first.
Memory
memory (int64_t size)
{
  return Memory (new float[std::size_t (size)]);
}

// [points, taps]: of a kernel's 3x3 taps.
Tensor
kernel_matrix ()
{
  const Tensor one_way = torch::tensor ({{1 / 4., 0., 0.},
                                         {-1 / 6., -1 / 6., -1 / 6.},
                                         {-1 / 6., 1 / 6., -1 / 6.},
                                         {1 / 24., 1 / 12., 1 / 6.},
                                         {1 / 24., -1 / 12., 1 / 6.},
                                         {0., 0., 1.}},
                                        torch::kDouble);
  return torch::kron (one_way, one_way).to (torch::kFloat);
}

// [B, channels, H, W] with channels of zeros up to whole lanes.
Tensor
padded (const Tensor &x)
{
  const int64_t more = (lanes - x.size (1) % lanes) % lanes;
  return more > 0 ? torch::constant_pad_nd (x, {0, 0, 0, 0, 0, more}) : x;
}

// x and y of a convolution.
struct Sides {
  Pictures in, out;
  int64_t tiles; // of all pictures
};

Sides
sides_of (const Tensor &x, int64_t out, bool enlarged)
{
  const int64_t factor = enlarged ? 2 : 1;
  const int64_t height = factor * x.size (2), width = factor * x.size (3);
  const Pictures pictures{height, width, out};
  return {{height, width, x.size (1)}, pictures, x.size (0) * pictures.tiles ()};
}

// Calls `work (first, end, part)` for ranges of tiles, on all threads; each goes through
// its range in parts of so many.
template <typename Work>
void
share_tiles (int64_t tiles, const Work &work)
{
  const int64_t threads = std::max (at::get_num_threads (), 1);
  // A live frame's smallest maps have hardly enough for two.
  const int64_t part =
      std::clamp<int64_t> ((tiles / threads + 5) / 6 * 6, 6, tiles_at_once);
  at::parallel_for (0, (tiles + part - 1) / part, 1, [&] (int64_t from, int64_t to) {
    work (from * part, std::min (tiles, to * part), part);
  });
}

Tensor
convolve (const Tensor &x, const Tensor &weight_points, const Tensor &bias, bool enlarged,
          const Tensor &sum)
{
  const int64_t out = bias.size (0), in = x.size (1);
  const Sides sides = sides_of (x, out, enlarged);
  Tensor y = torch::empty ({x.size (0), out, sides.out.height, sides.out.width},
                           x.options (), at::MemoryFormat::ChannelsLast);
  const float *weights = weight_points.data_ptr<float> ();
  const float *added = sum.numel () > 0 ? sum.data_ptr<float> () : nullptr;
  share_tiles (sides.tiles, [&] (int64_t first, int64_t end, int64_t part) {
    const Memory of_x = memory (points * part * in), of_y = memory (points * part * out);
    const std::vector<float> zeros (std::size_t (in), 0.f);
    for (; first < end; first += part) {
      const int64_t count = std::min (part, end - first);
      winograd::transform_input (x.data_ptr<float> (), sides.in, enlarged, first, count,
                                 zeros.data (), of_x.get ());
      for (int64_t point = 0; point < points; point++)
        for (int64_t column = 0; column < out; column += product_columns)
          multiply ({of_x.get () + point * count * in, in, 1,
                     weights + (point * out + column) * in, product_columns,
                     of_y.get () + point * count * out + column, out, count, in, false});
      winograd::transform_output (of_y.get (), bias.data_ptr<float> (), added, sides.out,
                                  first, count, y.data_ptr<float> ());
    }
  });
  return y;
}

// [out, in, 3, 3] of x and of dy.
Tensor
weight_gradient (const Tensor &x, const Tensor &dy, bool enlarged)
{
  const int64_t out = dy.size (1), in = x.size (1);
  const Sides sides = sides_of (x, out, enlarged);
  // One for each thread, added in their order: the same sum every time.
  std::vector<Tensor> sums (std::size_t (std::max (at::get_num_threads (), 1)));
  at::parallel_for (0, sides.tiles, enough_tiles, [&] (int64_t first, int64_t end) {
    constexpr int64_t part = 3 * tiles_at_once; // the sums are read and written for each
    const Memory of_x = memory (points * part * in), of_y = memory (points * part * out);
    const std::vector<float> zeros (std::size_t (in), 0.f);
    Tensor &own = sums[std::size_t (at::get_thread_num ())];
    own = torch::zeros ({points, in, out}, x.options ());
    for (; first < end; first += part) {
      const int64_t count = std::min (part, end - first);
      winograd::transform_input (x.data_ptr<float> (), sides.in, enlarged, first, count,
                                 zeros.data (), of_x.get ());
      winograd::transform_gradient (dy.data_ptr<float> (), sides.out, first, count,
                                    of_y.get ());
      for (int64_t point = 0; point < points; point++)
        for (int64_t column = 0; column < out; column += product_columns)
          multiply ({of_x.get () + point * count * in, 1, in,
                     of_y.get () + point * count * out + column, out,
                     own.data_ptr<float> () + point * in * out + column, out, in, count,
                     true});
    }
  });
  Tensor sum = sums[0];
  for (std::size_t i = 1; i < sums.size (); i++)
    if (sums[i].defined ())
      sum += sums[i];
  return torch::matmul (kernel_matrix ().t (), sum.view ({points, in * out}))
      .view ({3, 3, in, out})
      .permute ({3, 2, 0, 1});
}

// Of the convolution that takes dy to dx.
Tensor
turned (const Tensor &weight)
{
  return weight.flip ({2, 3}).transpose (0, 1);
}

// LibTorch takes no undefined tensor: without a sum it is empty.
class WinogradConv : public torch::autograd::Function<WinogradConv> {
public:
  static Tensor forward (torch::autograd::AutogradContext *context, Tensor x,
                         Tensor weight, Tensor bias, Tensor points, bool enlarged,
                         Tensor sum)
  {
    x = x.contiguous (at::MemoryFormat::ChannelsLast);
    context->save_for_backward ({x, weight});
    context->saved_data["enlarged"] = enlarged;
    context->saved_data["sum"] = sum.numel () > 0;
    if (sum.numel () > 0)
      sum = sum.contiguous (at::MemoryFormat::ChannelsLast);
    return convolve (x, points, bias.contiguous (), enlarged, sum);
  }

  static torch::autograd::tensor_list backward (torch::autograd::AutogradContext *context,
                                                torch::autograd::tensor_list gradients)
  {
    const auto saved = context->get_saved_variables ();
    const Tensor &x = saved[0], &weight = saved[1];
    const bool enlarged = context->saved_data["enlarged"].toBool ();
    const Tensor dy = gradients[0].contiguous (at::MemoryFormat::ChannelsLast);
    Tensor dx, dweight, dbias;
    if (context->needs_input_grad (0))
      dx = input_gradient (dy, turned (weight), enlarged);
    if (context->needs_input_grad (1))
      dweight = weight_gradient (x, dy, enlarged);
    if (context->needs_input_grad (2))
      dbias = dy.sum ({0, 2, 3});
    const Tensor dsum = context->saved_data["sum"].toBool () ? dy : Tensor ();
    return {dx, dweight, dbias, {}, {}, dsum};
  }

private:
  static Tensor input_gradient (const Tensor &dy, const Tensor &weight, bool enlarged)
  {
    const Tensor dx = suits_winograd (dy, weight)
                          ? winograd_conv (dy, weight, dy.new_zeros (weight.size (0)))
                          : torch::conv2d (dy, weight, {}, 1, 1);
    return enlarged ? 4 * torch::avg_pool2d (dx, 2) : dx;
  }
};

} // namespace

bool
suits_winograd (const Tensor &x, const Tensor &weight, bool enlarged)
{
  if (!x.is_cpu () || x.scalar_type () != torch::kFloat ||
      weight.scalar_type () != torch::kFloat || x.dim () != 4 || weight.size (2) != 3 ||
      weight.size (0) % product_columns != 0)
    return false;
  const Sides sides = sides_of (x, weight.size (0), enlarged);
  return sides.out.height % winograd::tile == 0 &&
         sides.out.width % winograd::tile == 0 && sides.tiles >= enough_tiles;
}

Tensor
winograd_points (const Tensor &weight)
{
  const torch::NoGradGuard no_gradient;
  RECORD_FUNCTION (winograd_points_name, std::vector<c10::IValue> ({weight}));
  const Tensor whole = padded (weight);
  const int64_t out = whole.size (0), in = whole.size (1);
  return torch::matmul (whole.reshape ({out * in, 9}), kernel_matrix ().t ())
      .view ({out / product_columns, product_columns, in, points})
      .permute ({3, 0, 2, 1})
      .contiguous (); // [points, out / 16, in, 16]
}

Tensor
winograd_conv (Tensor x, const Tensor &weight, const Tensor &bias,
               const Tensor &weight_points, bool enlarged, const Tensor &sum)
{
  RECORD_FUNCTION (winograd_name, std::vector<c10::IValue> ({x, weight, enlarged}));
  return WinogradConv::apply (padded (x), padded (weight), bias,
                              weight_points.defined () ? weight_points
                                                       : winograd_points (weight),
                              enlarged, sum.defined () ? sum : x.new_empty ({0}));
}

} // namespace daetalker
