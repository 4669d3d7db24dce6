// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/cuda/fused_norm.h"

#include "models/nn/cuda/norm_kernels.h"

#include <ATen/core/Tensor.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

namespace daetalker {

using torch::Tensor;

Tensor
norm_modulate_silu_cuda (const Tensor &x, const Tensor &scale, const Tensor &shift,
                         int64_t groups, double eps)
{
  const c10::cuda::CUDAGuard guard (x.device ());
  const Tensor in = x.contiguous (at::MemoryFormat::ChannelsLast);
  const Tensor gain = scale.contiguous (), offset = shift.contiguous ();
  const NormType type = x.scalar_type () == torch::kHalf       ? NormType::float16
                        : x.scalar_type () == torch::kBFloat16 ? NormType::bfloat16
                                                               : NormType::float32;
  const NormShape shape = {int (x.size (0)), int (x.size (2) * x.size (3)),
                           int (x.size (1)), int (groups)};
  const auto numbers = in.options ().dtype (torch::kFloat);
  const Tensor out = torch::empty_like (in, at::MemoryFormat::ChannelsLast);
  const Tensor sums =
      torch::empty ({shape.batch, norm_blocks (type, shape), 2, shape.channels}, numbers);
  const Tensor affine = torch::empty ({shape.batch, 2, shape.channels}, numbers);
  const NormArrays arrays = {in.data_ptr (),          out.data_ptr (),
                             gain.data_ptr<float> (), offset.data_ptr<float> (),
                             gain.size (0) == 1,      offset.size (0) == 1,
                             sums.data_ptr<float> (), affine.data_ptr<float> ()};
  C10_CUDA_CHECK (launch_norm_modulate_silu (type, shape, arrays, float (eps),
                                             c10::cuda::getCurrentCUDAStream ()));
  return out;
}

} // namespace daetalker
