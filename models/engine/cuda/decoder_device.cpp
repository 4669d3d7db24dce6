// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A decoder on a GPU: on a stream of its own, each evaluation a CUDA graph, pictures
// written by a kernel.
#include "models/engine/decoder_device.h"

#include "models/engine/cuda/device_pixels.h"
#include "models/engine/pixels.h"
#include "models/nn/interruption.h"

#include <ATen/cuda/CUDAContextLight.h>
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

namespace daetalker {
namespace {

// An evaluation as the GPU repeats it, with its own inputs and output.
class RecordedNetwork {
public:
  using Tensors = DecoderDevice::Tensors;

  // Nothing else may be asked of the current stream meanwhile, which `alone` is for.
  // `pool`: whose memory the recordings of one stream share.
  RecordedNetwork (const Tensors &inputs, const DecoderDevice::Network &network,
                   at::cuda::MempoolId_t pool, std::mutex &alone)
  {
    // A pass that is left in the middle could not be recorded.
    const Stop never;
    const Interruptible uninterrupted (never);
    for (const torch::Tensor &input : inputs)
      inputs_.push_back (input.clone ());
    network (inputs_); // libraries choose and set up their kernels
    const std::lock_guard<std::mutex> lock (alone);
    at::cuda::clearCublasWorkspaces (); // the recording wants its own
    graph_.capture_begin (pool, cudaStreamCaptureModeThreadLocal);
    try {
      output_ = network (inputs_);
    } catch (...) {
      end_failed_capture ();
      throw;
    }
    graph_.capture_end ();
  }

  torch::Tensor operator() (const Tensors &inputs)
  {
    for (std::size_t i = 0; i < inputs.size (); i++)
      inputs_[i].copy_ (inputs[i]);
    graph_.replay ();
    return output_.clone (); // the next evaluation writes over it
  }

private:
  // Or the stream would be of no use any more.  It says that it failed, which we know.
  void end_failed_capture ()
  {
    try {
      graph_.capture_end ();
    } catch (const c10::Error &) {
    }
  }

  Tensors inputs_;
  torch::Tensor output_;
  at::cuda::CUDAGraph graph_;
};

// To find out whether recording is what is wrong.
bool
may_record ()
{
  const char *word = std::getenv ("DAETALKER_CUDA_GRAPHS");
  return word == nullptr || std::string (word) != "0";
}

void
check (cudaError_t result, const char *task)
{
  if (result != cudaSuccess)
    throw Error (ErrorCode::failed, "GPU",
                 std::string (cudaGetErrorString (result)) + " while " + task,
                 "If the GPU was lost, the process must be started again; the system's "
                 "log says why");
}

// A stream that is nobody else's: LibTorch's own are 32 in all, and a recording is spoilt
// by whatever else is asked of its stream.
class OwnStream {
public:
  explicit OwnStream (c10::DeviceIndex device)
  {
    const c10::cuda::CUDAGuard guard (device);
    check (cudaStreamCreateWithFlags (&stream_, cudaStreamNonBlocking),
           "making a stream");
  }

  ~OwnStream () { cudaStreamDestroy (stream_); }

  OwnStream (const OwnStream &) = delete;
  OwnStream &operator= (const OwnStream &) = delete;

  cudaStream_t get () const { return stream_; }

private:
  cudaStream_t stream_ = nullptr;
};

class CudaDecoderDevice : public DecoderDevice {
public:
  explicit CudaDecoderDevice (const Placement &placement)
      : own_ (placement.device.index ()), stream_ (c10::cuda::getStreamFromExternal (
                                              own_.get (), placement.device.index ())),
        records_ (may_record ()), pool_ (at::cuda::graph_pool_handle ())
  {
  }

  // What recordings held is nobody else's until the allocator is told; of a GPU that was
  // lost there is nothing to give back.
  ~CudaDecoderDevice () override
  {
    networks_.clear ();
    try {
      c10::cuda::CUDACachingAllocator::emptyCache ();
    } catch (const c10::Error &) {
    }
  }

  void run (const std::function<void ()> &work) override
  {
    const std::lock_guard<std::mutex> lock (running_);
    const c10::cuda::CUDAStreamGuard guard (stream_);
    if (!std::exchange (ran_, true))
      wait_for_what_was_loaded ();
    work ();
  }

  torch::Tensor evaluate (const std::string &kind, const Tensors &inputs,
                          const Network &network) override
  {
    wait_for_the_last_but_one ();
    if (!records_)
      return network (inputs);
    auto &recorded = networks_[{kind, inputs.front ().size (0)}];
    if (recorded == nullptr)
      recorded = std::make_unique<RecordedNetwork> (inputs, network, pool_, alone_);
    return (*recorded) (inputs);
  }

  void write (const torch::Tensor &picture, const ImageView &out) override
  {
    const c10::cuda::CUDAStreamGuard guard (stream_);
    const torch::Tensor planar = picture.contiguous ();
    const FloatImage image = planar_image (planar.data_ptr<float> (),
                                           int (planar.size (2)), int (planar.size (1)));
    check_view (out, image);
    if (out.device_memory) {
      std::unique_lock<std::mutex> lock (alone_);
      check (write_device_pixels (image, out, stream_), "writing a picture");
      wait (lock);
    } else {
      download (image, out);
    }
  }

private:
  // Through page-locked memory, as bytes: a quarter of what floats would take.
  void download (const FloatImage &image, const ImageView &out)
  {
    const auto extents = plane_extents (out.format, out.width, out.height);
    std::int64_t size = 0;
    for (const PlaneExtent &plane : extents)
      size += std::int64_t (plane.bytes) * plane.rows;
    const torch::Tensor device = torch::empty (
        {size}, torch::TensorOptions ().dtype (torch::kByte).device (stream_.device ()));
    const torch::Tensor host = torch::empty (
        {size}, torch::TensorOptions ().dtype (torch::kByte).pinned_memory (true));
    ImageView packed = out;
    place_planes (packed, extents, device.data_ptr<std::uint8_t> ());
    std::unique_lock<std::mutex> lock (alone_);
    check (write_device_pixels (image, packed, stream_), "writing a picture");
    host.copy_ (device, true);
    wait (lock);

    place_planes (packed, extents, host.data_ptr<std::uint8_t> ());
    for (std::size_t i = 0; i < extents.size (); i++)
      for (int row = 0; row < extents[i].rows; row++)
        std::copy_n (packed.plane[i] + std::ptrdiff_t (row) * packed.stride[i],
                     extents[i].bytes,
                     out.plane[i] + std::ptrdiff_t (row) * out.stride[i]);
  }

  static void place_planes (ImageView &view, const std::array<PlaneExtent, 3> &extents,
                            std::uint8_t *memory)
  {
    for (std::size_t i = 0; i < extents.size (); i++) {
      view.plane[i] = memory;
      view.stride[i] = extents[i].bytes;
      memory += std::ptrdiff_t (extents[i].bytes) * extents[i].rows;
    }
  }

  // For what this thread asked for, not for the batches that come after it.
  void wait (std::unique_lock<std::mutex> &lock)
  {
    at::cuda::CUDAEvent done (sleeping);
    done.record (stream_);
    lock.unlock ();
    done.synchronize ();
  }

  // Through the device's default stream, by the first run () at the latest.
  void wait_for_what_was_loaded ()
  {
    at::cuda::CUDAEvent loaded;
    loaded.record (c10::cuda::getDefaultCUDAStream (stream_.device_index ()));
    loaded.block (stream_);
  }

  // Asking costs nothing: without it all of a frame's steps would be asked for at once,
  // and nobody could stop them.
  void wait_for_the_last_but_one ()
  {
    const int next = evaluations_++ % 2;
    started_[next].synchronize ();
    started_[next].record (stream_);
  }

  // A thread that waits leaves its core to others.
  static constexpr unsigned sleeping = cudaEventDisableTiming | cudaEventBlockingSync;

  const OwnStream own_;
  const c10::cuda::CUDAStream stream_;
  const bool records_;
  const at::cuda::MempoolId_t pool_;
  std::mutex running_; // held in run (): streams warm up while others draw
  bool ran_ = false;   // ... which is for it alone
  std::mutex alone_;   // held while something is asked of stream_ outside of run ()
  at::cuda::CUDAEvent started_[2] = {at::cuda::CUDAEvent (sleeping),
                                     at::cuda::CUDAEvent (sleeping)};
  unsigned evaluations_ = 0;
  // By kind and batch size; within run () only.
  std::map<std::pair<std::string, std::int64_t>, std::unique_ptr<RecordedNetwork>>
      networks_;
};

} // namespace

std::unique_ptr<DecoderDevice>
open_cuda_decoder_device (const Placement &placement)
{
  return std::make_unique<CudaDecoderDevice> (placement);
}

} // namespace daetalker
