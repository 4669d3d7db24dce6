// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/row_kernels.h"

#include "models/nn/lanes.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace daetalker {

using torch::Tensor;

namespace {

// A BLAS, and operators on whole tensors, are better from here on.
constexpr int64_t most_rows = 16;

DAETALKER_INLINE float
sum_of (const Lanes &value)
{
  float sum = 0;
  for (int64_t i = 0; i < lanes; i++)
    sum += value[i];
  return sum;
}

DAETALKER_CLONES void
normalise (const float *x, float *y, int64_t rows, int64_t size, const float *scale,
           const float *shift, float eps)
{
  for (int64_t row = 0; row < rows; row++, x += size, y += size) {
    Lanes sum{}, squares{};
    for_each_lanes (size, [&] (int64_t c, int64_t count)
                              DAETALKER_ALWAYS { sum += load (x + c, count); });
    const float mean = sum_of (sum) / float (size);
    int64_t c = 0;
    for (; c + lanes <= size; c += lanes) {
      const Lanes distance = load (x + c) - mean;
      squares += distance * distance;
    }
    float square = sum_of (squares);
    for (; c < size; c++)
      square += (x[c] - mean) * (x[c] - mean);
    const float factor = 1 / std::sqrt (square / float (size) + eps);
    for_each_lanes (size, [&] (int64_t i, int64_t count) DAETALKER_ALWAYS {
      store (y + i,
             (load (x + i, count) - mean) * factor * load (scale + i, count) +
                 load (shift + i, count),
             count);
    });
  }
}

// One row's look of one head at the rows first ... last.
struct Look {
  const float *query, *bias_u, *bias_v; // [d]; biases null without places
  const float *keys, *values, *places;  // of row 0; places of its distance
  int64_t stride;                       // from row to row
  int64_t first, last, size;
  float scale;
  float *content, *place, *weights; // scratch: [d], [d], [last - first + lanes]
  float *out;                       // [d]
};

DAETALKER_CLONES void
attend (const Look &look)
{
  const int64_t count = look.last - look.first + 1;
  const bool placed = look.places != nullptr;
  for (int64_t c = 0; c < look.size; c++) {
    look.content[c] = (look.query[c] + (placed ? look.bias_u[c] : 0)) * look.scale;
    look.place[c] = placed ? (look.query[c] + look.bias_v[c]) * look.scale : 0;
  }
  float most = -INFINITY;
  for (int64_t j = 0; j < count; j++) {
    const float *key = look.keys + (look.first + j) * look.stride;
    const float *at = placed ? look.places + (look.first + j) * look.stride : key;
    Lanes sum{};
    for_each_lanes (look.size, [&] (int64_t c, int64_t some) DAETALKER_ALWAYS {
      sum += load (look.content + c, some) * load (key + c, some) +
             load (look.place + c, some) * load (at + c, some);
    });
    look.weights[j] = sum_of (sum);
    most = std::max (most, look.weights[j]);
  }
  float total = 0;
  for (int64_t j = 0; j < count; j += lanes) {
    store (look.weights + j, fast_exp (load (look.weights + j) - most));
    for (int64_t i = j; i < std::min (j + lanes, count); i++)
      total += look.weights[i];
  }
  for_each_lanes (look.size, [&] (int64_t c, int64_t some) DAETALKER_ALWAYS {
    Lanes sum{};
    for (int64_t j = 0; j < count; j++)
      sum +=
          look.weights[j] * load (look.values + (look.first + j) * look.stride + c, some);
    store (look.out + c, sum / total, some);
  });
}

DAETALKER_CLONES void
gate (const float *x, float *y, int64_t rows, int64_t size)
{
  for (int64_t row = 0; row < rows; row++, x += 2 * size, y += size)
    for_each_lanes (size, [&] (int64_t c, int64_t count) DAETALKER_ALWAYS {
      store (y + c, load (x + c, count) * sigmoid (load (x + size + c, count)), count);
    });
}

// x: [rows + kernel - 1, size].
DAETALKER_CLONES void
convolve (const float *x, const float *taps, const float *bias, float *y, int64_t rows,
          int64_t kernel, int64_t size)
{
  for (int64_t row = 0; row < rows; row++, x += size, y += size)
    for_each_lanes (size, [&] (int64_t c, int64_t count) DAETALKER_ALWAYS {
      Lanes sum = bias != nullptr ? load (bias + c, count) : Lanes{};
      for (int64_t k = 0; k < kernel; k++)
        sum += load (x + k * size + c, count) * load (taps + k * size + c, count);
      store (y + c, sum, count);
    });
}

DAETALKER_CLONES void
activate (float *x, int64_t count)
{
  for_each_lanes (count, [&] (int64_t c, int64_t some) DAETALKER_ALWAYS {
    const Lanes value = load (x + c, some);
    store (x + c, value * sigmoid (value), some);
  });
}

const float *
numbers_of (const Tensor &tensor)
{
  return tensor.defined () ? tensor.data_ptr<float> () : nullptr;
}

// The rows of `past` and then those of `part` of three in each row of `qkv`.
Tensor
joined (const Tensor &past, const Tensor &qkv, int64_t part, int64_t heads)
{
  const int64_t before = past.defined () ? past.size (1) : 0, rows = qkv.size (1);
  const int64_t size = qkv.size (2) / 3;
  const Tensor all =
      torch::empty ({1, before + rows, heads, size / heads}, qkv.options ());
  float *to = all.data_ptr<float> ();
  if (before > 0)
    std::copy_n (past.contiguous ().data_ptr<float> (), before * size, to);
  const float *from = qkv.data_ptr<float> () + part * size;
  for (int64_t row = 0; row < rows; row++)
    std::copy_n (from + row * 3 * size, size, to + (before + row) * size);
  return all;
}

} // namespace

bool
are_few_rows (const Tensor &x)
{
  return x.is_cpu () && x.scalar_type () == torch::kFloat &&
         x.numel () <= most_rows * x.size (-1) && !torch::GradMode::is_enabled ();
}

Tensor
normalise_rows (const Tensor &x, const torch::nn::LayerNorm &norm)
{
  const Tensor rows = x.contiguous ();
  const Tensor y = torch::empty (rows.sizes (), rows.options ());
  const int64_t size = rows.size (-1);
  normalise (rows.data_ptr<float> (), y.data_ptr<float> (), rows.numel () / size, size,
             norm->weight.data_ptr<float> (), norm->bias.data_ptr<float> (),
             float (norm->options.eps ()));
  return y;
}

RowsAttended
attend_rows (const RowAttention &attention)
{
  const Tensor qkv = attention.qkv.contiguous ();
  const int64_t heads = attention.heads, rows = qkv.size (1), size = qkv.size (2) / 3;
  const int64_t head_size = size / heads;
  RowsAttended result;
  result.keys = joined (attention.past_keys, qkv, 1, heads);
  result.values = joined (attention.past_values, qkv, 2, heads);
  result.rows = torch::empty ({1, rows, size}, qkv.options ());
  const int64_t before = result.keys.size (1) - rows;
  const Tensor places =
      attention.places.defined () ? attention.places.contiguous () : Tensor ();
  std::vector<float> scratch (std::size_t (2 * head_size + before + rows + lanes));

  Look look;
  look.stride = size;
  look.size = head_size;
  look.scale = 1 / std::sqrt (float (head_size));
  look.content = scratch.data ();
  look.place = look.content + head_size;
  look.weights = look.place + head_size;
  for (int64_t row = 0; row < rows; row++) {
    look.last = before + row;
    look.first = std::max<int64_t> (0, look.last - attention.left);
    for (int64_t head = 0; head < heads; head++) {
      const int64_t column = head * head_size;
      const auto of_head = [&] (const Tensor &tensor) {
        const float *numbers = numbers_of (tensor);
        return numbers != nullptr ? numbers + column : nullptr;
      };
      look.query = of_head (qkv) + row * 3 * size;
      look.bias_u = of_head (attention.bias_u);
      look.bias_v = of_head (attention.bias_v);
      look.keys = of_head (result.keys);
      look.values = of_head (result.values);
      look.places = of_head (places);
      if (look.places != nullptr) // its column j holds the distance before + row - j
        look.places += (rows - 1 - row) * size;
      look.out = result.rows.data_ptr<float> () + row * size + column;
      attend (look);
    }
  }
  return result;
}

Tensor
convolve_rows (const RowConvolution &convolution, const Tensor &rows, Tensor &past)
{
  const Tensor wide = rows.contiguous ();
  const int64_t count = wide.size (1), size = wide.size (2) / 2;
  const int64_t kernel = convolution.taps.size (0), before = kernel - 1;
  const Tensor all = torch::empty ({1, before + count, size}, wide.options ());
  float *gated = all.data_ptr<float> ();
  if (past.defined ())
    std::copy_n (past.contiguous ().data_ptr<float> (), before * size, gated);
  else
    std::fill_n (gated, before * size, 0.f);
  gate (wide.data_ptr<float> (), gated + before * size, count, size);
  past = all.narrow (1, count, before);

  const Tensor sums = torch::empty ({1, count, size}, wide.options ());
  convolve (gated, convolution.taps.data_ptr<float> (), numbers_of (convolution.bias),
            sums.data_ptr<float> (), count, kernel, size);
  const Tensor y = normalise_rows (sums, convolution.norm);
  activate (y.data_ptr<float> (), y.numel ());
  return y;
}

} // namespace daetalker
