// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/decoder_device.h"

#include "models/engine/pixels.h"

#include <c10/core/thread_pool.h>

#include <future>

namespace daetalker {
namespace {

// One thread draws for all streams: the memory that an evaluation takes, and OpenMP's
// threads, would be kept for each thread that ever did.
class CpuDecoderDevice : public DecoderDevice {
public:
  void run (const std::function<void ()> &work) override
  {
    std::packaged_task<void ()> task (work);
    std::future<void> done = task.get_future ();
    thread_.run ([&task] { task (); });
    done.get ();
  }

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

private:
  c10::ThreadPool thread_{1};
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
