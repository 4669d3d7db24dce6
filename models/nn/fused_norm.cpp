// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/fused_norm.h"

#include "models/nn/lanes.h"
#ifdef DAETALKER_CUDA
#include "models/nn/cuda/fused_norm.h"
#endif

#include <ATen/Parallel.h>
#include <cmath>
#include <torch/autograd.h>
#include <vector>

namespace daetalker {
namespace {

// Pixels summed in float32 before the sum goes on in double: keeps the statistics
// of a 256x256 map exact to float32.
constexpr int64_t exact_pixels = 64;

// Adds sum and sum of squares per channel of `pixels` pixels to `sum`, `square`.
template <typename T>
DAETALKER_CLONES void
accumulate (const T *__restrict x, int64_t pixels, int64_t channels,
            float *__restrict sum, float *__restrict square)
{
  for_each_lanes (channels, [&] (int64_t c, int64_t count) DAETALKER_ALWAYS {
    Lanes first = load (sum + c, count), second = load (square + c, count);
    for (int64_t i = 0; i < pixels; i++) {
      const Lanes v = load (x + i * channels + c, count);
      first += v;
      second += v * v;
    }
    store (sum + c, first, count);
    store (square + c, second, count);
  });
}

template <typename T>
DAETALKER_CLONES void
activate (const T *__restrict x, T *__restrict y, int64_t pixels, int64_t channels,
          const float *__restrict a, const float *__restrict b)
{
  for (int64_t i = 0; i < pixels; i++, x += channels, y += channels)
    for_each_lanes (channels, [&] (int64_t c, int64_t count) DAETALKER_ALWAYS {
      const Lanes z = load (x + c, count) * load (a + c, count) + load (b + c, count);
      store (y + c, z * sigmoid (z), count);
    });
}

// Of y = silu(z), where z = x * a + b.
DAETALKER_INLINE Lanes
gradient_of_z (const Lanes &z, const Lanes &dy)
{
  const Lanes s = sigmoid (z);
  return dy * (s + z * s * (1.f - s));
}

// Adds, per channel, dz and dz * x.
template <typename T>
DAETALKER_CLONES void
accumulate_gradient (const T *__restrict x, const T *__restrict dy, int64_t pixels,
                     int64_t channels, const float *__restrict a,
                     const float *__restrict b, float *__restrict sum_dz,
                     float *__restrict sum_dzx)
{
  for_each_lanes (channels, [&] (int64_t c, int64_t count) DAETALKER_ALWAYS {
    Lanes first = load (sum_dz + c, count), second = load (sum_dzx + c, count);
    const Lanes scale = load (a + c, count), shift = load (b + c, count);
    for (int64_t i = 0; i < pixels; i++) {
      const Lanes v = load (x + i * channels + c, count);
      const Lanes dz =
          gradient_of_z (v * scale + shift, load (dy + i * channels + c, count));
      first += dz;
      second += dz * v;
    }
    store (sum_dz + c, first, count);
    store (sum_dzx + c, second, count);
  });
}

// dx = dz * a - (p + x * q)
template <typename T>
DAETALKER_CLONES void
activate_gradient (const T *__restrict x, const T *__restrict dy, T *__restrict dx,
                   int64_t pixels, int64_t channels, const float *__restrict a,
                   const float *__restrict b, const float *__restrict p,
                   const float *__restrict q)
{
  for (int64_t i = 0; i < pixels; i++, x += channels, dy += channels, dx += channels)
    for_each_lanes (channels, [&] (int64_t c, int64_t count) DAETALKER_ALWAYS {
      const Lanes v = load (x + c, count), scale = load (a + c, count);
      const Lanes dz =
          gradient_of_z (v * scale + load (b + c, count), load (dy + c, count));
      store (dx + c, dz * scale - load (p + c, count) - v * load (q + c, count), count);
    });
}

struct Shape {
  int64_t batch, channels, pixels, groups;

  int64_t per_group () const { return channels / groups; }
};

// Runs `sums (begin, end, first, second)` over blocks of one picture's pixels and
// adds the per-channel results in double.
template <typename Sums>
void
sum_pixels (const Shape &shape, double *first, double *second, Sums sums)
{
  std::vector<float> part (2 * shape.channels);
  for (int64_t begin = 0; begin < shape.pixels; begin += exact_pixels) {
    std::fill (part.begin (), part.end (), 0.f);
    sums (begin, std::min (shape.pixels, begin + exact_pixels), part.data (),
          part.data () + shape.channels);
    for (int64_t c = 0; c < shape.channels; c++) {
      first[c] += part[c];
      second[c] += part[shape.channels + c];
    }
  }
}

// Mean and reciprocal standard deviation of each channel's group.
template <typename T>
void
group_statistics (const T *x, const Shape &shape, double eps, float *mean, float *rstd)
{
  std::vector<double> sum (shape.channels), square (shape.channels);
  sum_pixels (shape, sum.data (), square.data (),
              [&] (int64_t begin, int64_t end, float *s, float *q) {
                accumulate (x + begin * shape.channels, end - begin, shape.channels, s,
                            q);
              });
  double count = double (shape.per_group ()) * shape.pixels;
  for (int64_t g = 0; g < shape.groups; g++) {
    int64_t from = g * shape.per_group (), to = from + shape.per_group ();
    double s = 0, q = 0;
    for (int64_t c = from; c < to; c++) {
      s += sum[c];
      q += square[c];
    }
    double m = s / count;
    double r = 1 / std::sqrt (std::max (q / count - m * m, 0.) + eps);
    for (int64_t c = from; c < to; c++) {
      mean[c] = float (m);
      rstd[c] = float (r);
    }
  }
}

Shape
shape_of (const torch::Tensor &x, int64_t groups)
{
  return {x.size (0), x.size (1), x.size (2) * x.size (3), groups};
}

// Pictures are spread over the threads when there are several, pixels when there
// is one: a live frame is a batch of one.
template <typename Body>
void
for_each_span (const Shape &shape, Body body)
{
  int64_t spans = shape.batch > 1 ? 1 : std::max<int64_t> (at::get_num_threads (), 1);
  int64_t length = (shape.pixels + spans - 1) / spans;
  at::parallel_for (0, shape.batch * spans, 1, [&] (int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) {
      int64_t begin = std::min (shape.pixels, (i % spans) * length);
      body (i / spans, begin, std::min (shape.pixels, begin + length));
    }
  });
}

// The affine form of norm and modulation: z = x * a + b.
void
fold (const float *mean, const float *rstd, const float *scale, const float *shift,
      int64_t channels, float *a, float *b)
{
  for (int64_t c = 0; c < channels; c++) {
    a[c] = rstd[c] * scale[c];
    b[c] = shift[c] - mean[c] * a[c];
  }
}

const float *
row (const torch::Tensor &table, int64_t index)
{
  return table.data_ptr<float> () + (table.size (0) == 1 ? 0 : index) * table.size (1);
}

class NormModulateSilu : public torch::autograd::Function<NormModulateSilu> {
public:
  static torch::Tensor forward (torch::autograd::AutogradContext *context,
                                torch::Tensor x, torch::Tensor scale, torch::Tensor shift,
                                int64_t groups, double eps)
  {
    x = x.contiguous (at::MemoryFormat::ChannelsLast);
    scale = scale.contiguous ();
    shift = shift.contiguous ();
    Shape shape = shape_of (x, groups);
    torch::Tensor y = torch::empty_like (x, at::MemoryFormat::ChannelsLast);
    torch::Tensor stats = torch::empty ({2, shape.batch, shape.channels}, torch::kFloat);
    if (x.scalar_type () == torch::kBFloat16)
      run<uint16_t> (x, y, stats, scale, shift, shape, eps);
    else
      run<float> (x, y, stats, scale, shift, shape, eps);
    context->save_for_backward ({x, scale, shift, stats});
    context->saved_data["groups"] = groups;
    return y;
  }

  static torch::autograd::tensor_list backward (torch::autograd::AutogradContext *context,
                                                torch::autograd::tensor_list grads)
  {
    auto saved = context->get_saved_variables ();
    torch::Tensor x = saved[0], scale = saved[1], shift = saved[2], stats = saved[3];
    Shape shape = shape_of (x, context->saved_data["groups"].toInt ());
    torch::Tensor dy =
        grads[0].to (x.scalar_type ()).contiguous (at::MemoryFormat::ChannelsLast);
    torch::Tensor dx = torch::empty_like (x, at::MemoryFormat::ChannelsLast);
    torch::Tensor dscale = torch::empty ({shape.batch, shape.channels}, torch::kFloat);
    torch::Tensor dshift = torch::empty_like (dscale);
    if (x.scalar_type () == torch::kBFloat16)
      run_backward<uint16_t> (x, dy, dx, dscale, dshift, stats, scale, shift, shape);
    else
      run_backward<float> (x, dy, dx, dscale, dshift, stats, scale, shift, shape);
    if (scale.size (0) == 1)
      dscale = dscale.sum (0, true);
    if (shift.size (0) == 1)
      dshift = dshift.sum (0, true);
    return {dx, dscale, dshift, torch::Tensor (), torch::Tensor ()};
  }

private:
  template <typename T>
  static void run (const torch::Tensor &x, torch::Tensor &y, torch::Tensor &stats,
                   const torch::Tensor &scale, const torch::Tensor &shift,
                   const Shape &shape, double eps)
  {
    int64_t picture = shape.channels * shape.pixels;
    const T *in = static_cast<const T *> (x.data_ptr ());
    T *out = static_cast<T *> (y.data_ptr ());
    float *mean = stats.data_ptr<float> (), *rstd = mean + shape.batch * shape.channels;
    at::parallel_for (0, shape.batch, 1, [&] (int64_t from, int64_t to) {
      for (int64_t n = from; n < to; n++)
        group_statistics (in + n * picture, shape, eps, mean + n * shape.channels,
                          rstd + n * shape.channels);
    });
    for_each_span (shape, [&] (int64_t n, int64_t begin, int64_t end) {
      std::vector<float> a (shape.channels), b (shape.channels);
      fold (mean + n * shape.channels, rstd + n * shape.channels, row (scale, n),
            row (shift, n), shape.channels, a.data (), b.data ());
      int64_t offset = n * picture + begin * shape.channels;
      activate (in + offset, out + offset, end - begin, shape.channels, a.data (),
                b.data ());
    });
  }

  // With u = normalised x: dscale = sum dz*u, dshift = sum dz, and
  // dx = rstd * (dz*scale - mean_g(dz*scale) - u * mean_g(dz*scale*u)).
  template <typename T>
  static void run_backward (const torch::Tensor &x, const torch::Tensor &dy,
                            torch::Tensor &dx, torch::Tensor &dscale,
                            torch::Tensor &dshift, const torch::Tensor &stats,
                            const torch::Tensor &scale, const torch::Tensor &shift,
                            const Shape &shape)
  {
    int64_t channels = shape.channels, picture = channels * shape.pixels;
    const T *in = static_cast<const T *> (x.data_ptr ()),
            *grad = static_cast<const T *> (dy.data_ptr ());
    T *out = static_cast<T *> (dx.data_ptr ());
    const float *means = stats.data_ptr<float> ();
    const float *rstds = means + shape.batch * channels;
    at::parallel_for (0, shape.batch, 1, [&] (int64_t from, int64_t to) {
      std::vector<float> a (channels), b (channels), p (channels), q (channels);
      for (int64_t n = from; n < to; n++) {
        const float *mean = means + n * channels, *rstd = rstds + n * channels;
        const float *gain = row (scale, n);
        fold (mean, rstd, gain, row (shift, n), channels, a.data (), b.data ());
        std::vector<double> sum_dz (channels), sum_dzx (channels);
        sum_pixels (shape, sum_dz.data (), sum_dzx.data (),
                    [&] (int64_t begin, int64_t end, float *first, float *second) {
                      int64_t offset = n * picture + begin * channels;
                      accumulate_gradient (in + offset, grad + offset, end - begin,
                                           channels, a.data (), b.data (), first, second);
                    });
        float *gs = dscale.data_ptr<float> () + n * channels;
        float *gt = dshift.data_ptr<float> () + n * channels;
        for (int64_t c = 0; c < channels; c++) {
          gs[c] = float ((sum_dzx[c] - mean[c] * sum_dz[c]) * rstd[c]);
          gt[c] = float (sum_dz[c]);
        }
        double count = double (shape.per_group ()) * shape.pixels;
        for (int64_t g = 0; g < shape.groups; g++) {
          int64_t first = g * shape.per_group (), last = first + shape.per_group ();
          double m1 = 0, m2 = 0;
          for (int64_t c = first; c < last; c++) {
            m1 += double (gt[c]) * gain[c];
            m2 += double (gs[c]) * gain[c];
          }
          m1 /= count;
          m2 /= count;
          for (int64_t c = first; c < last; c++) {
            q[c] = float (m2 * rstd[c] * rstd[c]);
            p[c] = float (m1 * rstd[c]) - mean[c] * q[c];
          }
        }
        activate_gradient (in + n * picture, grad + n * picture, out + n * picture,
                           shape.pixels, channels, a.data (), b.data (), p.data (),
                           q.data ());
      }
    });
  }
};

} // namespace

torch::Tensor
norm_modulate_silu (const torch::Tensor &x, const torch::Tensor &scale,
                    const torch::Tensor &shift, int64_t groups, double eps)
{
  TORCH_CHECK (x.dim () == 4 && scale.dim () == 2 && shift.dim () == 2,
               "norm_modulate_silu: expects [B,C,H,W], [B,C], [B,C]");
#ifdef DAETALKER_CUDA
  const bool wants_gradient =
      at::GradMode::is_enabled () &&
      (x.requires_grad () || scale.requires_grad () || shift.requires_grad ());
  if (x.is_cuda () && !wants_gradient)
    return norm_modulate_silu_cuda (x, scale, shift, groups, eps);
#endif
  if (!x.is_cpu () ||
      (x.scalar_type () != torch::kFloat && x.scalar_type () != torch::kBFloat16)) {
    torch::Tensor y = torch::group_norm (x.to (torch::kFloat), groups, {}, {}, eps);
    y = y * scale.unsqueeze (-1).unsqueeze (-1) + shift.unsqueeze (-1).unsqueeze (-1);
    return torch::silu (y).to (x.scalar_type ());
  }
  return NormModulateSilu::apply (x, scale, shift, groups, eps);
}

} // namespace daetalker
