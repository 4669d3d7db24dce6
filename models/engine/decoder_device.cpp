// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/decoder_device.h"

#include "models/engine/pixels.h"

namespace daetalker {
namespace {

class CpuDecoderDevice : public DecoderDevice {
public:
  void run (const std::function<void ()> &work) override { work (); }

  torch::Tensor evaluate (const std::string &, const Tensors &inputs,
                          const Network &network) override
  {
    return network (inputs);
  }

  void write (const torch::Tensor &picture, const ImageView &out) override
  {
    const torch::Tensor planar = picture.contiguous ();
    write_pixels (planar_image (planar.data_ptr<float> (), int (planar.size (2)),
                                int (planar.size (1))),
                  out);
  }
};

} // namespace

std::unique_ptr<DecoderDevice>
open_decoder_device (const Placement &placement)
{
  if (placement.device.is_cpu ())
    return std::make_unique<CpuDecoderDevice> ();
#ifdef DAETALKER_CUDA
  if (placement.device.is_cuda ())
    return open_cuda_decoder_device (placement);
#endif
  throw Error (ErrorCode::no_device, placement.device_name (),
               "this engine was built without it",
               "Build with -Dcuda=enabled, or choose device=cpu");
}

} // namespace daetalker
