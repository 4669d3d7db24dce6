// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/face_decoder.h"

#include <algorithm>
#include <exception>
#include <mutex>

#include "models/nn/interruption.h"

namespace daetalker {

// More in one evaluation only lengthens the wait of the first: the convolutions
// are at their full speed by then.
constexpr std::size_t max_batch = 16;

// Of decode_all (): half a second.  What goes beside a file's pictures, such as its
// sound, waits for them in queues, which hold a second where nobody says otherwise.
constexpr int most_at_once = 12;

FaceDecoder::FaceDecoder (UNet unet, const torch::Tensor &noise, Prediction prediction,
                          const Placement &placement)
    : device_ (open_decoder_device (placement)), unet_ (std::move (unet)),
      noise_ (noise.to (placement.device, torch::kFloat).unsqueeze (0)),
      prediction_ (prediction), combiner_ (max_batch)
{
  const Computation computation;
  settle (*unet_);
  device_->run ([this] {
    const Computation there;
    last_step_ = unet_->prepare (
        noise_, torch::full ({1}, diffusion_steps - 1, noise_.options ()));
  });
}

void
FaceDecoder::decode (const float *latent, int steps, const ImageView &out,
                     const Stop &stop)
{
  Request request{latent, steps, stop, {}};
  const bool done = combiner_.run (request, [this] (const std::vector<Request *> &batch) {
    const Stop nobody_waits = [&batch] {
      return std::all_of (batch.begin (), batch.end (),
                          [] (const Request *one) { return one->unwanted (); });
    };
    device_->run ([&] { decode_batch (batch, nobody_waits); });
  });
  if (!done)
    throw Interrupted ();
  device_->write (request.picture, out);
}

void
FaceDecoder::decode_all (const std::vector<Drawing> &drawings, int steps,
                         const Stop &stop)
{
  if (!noise_.is_cpu ()) {
    decode_together (drawings, steps, stop);
    return;
  }
  const int count = int (drawings.size ());
  const int threads = std::clamp (count, 1, std::min (thread_limit (), most_at_once));
  std::exception_ptr error;
  std::mutex mutex;
  const auto failed = [&] {
    const std::lock_guard lock (mutex);
    return error != nullptr;
  };
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int i = 0; i < count; i++) {
    try {
      if (!failed ())
        decode_alone (drawings[std::size_t (i)], steps, stop);
    } catch (...) { // would end the process
      const std::lock_guard lock (mutex);
      if (!error)
        error = std::current_exception ();
    }
  }
  if (error)
    std::rethrow_exception (error);
}

void
FaceDecoder::decode_alone (const Drawing &drawing, int steps, const Stop &stop)
{
  Request request{drawing.latent, steps, stop, {}};
  decode_batch ({&request}, stop);
  device_->write (request.picture, drawing.out);
}

// In one evaluation: a GPU has room beside one picture.
void
FaceDecoder::decode_together (const std::vector<Drawing> &drawings, int steps,
                              const Stop &stop)
{
  std::vector<Request> requests;
  for (const Drawing &drawing : drawings)
    requests.push_back ({drawing.latent, steps, stop, {}});
  std::vector<Request *> batch;
  for (Request &request : requests)
    batch.push_back (&request);
  device_->run ([&] { decode_batch (batch, stop); });
  for (std::size_t i = 0; i < drawings.size (); i++)
    device_->write (requests[i].picture, drawings[i].out);
}

// Four to a thread: at the end it waits for the others as long as half of one takes.
int
FaceDecoder::at_once () const
{
  if (!noise_.is_cpu ())
    return most_at_once;
  const int threads = thread_limit ();
  return threads > 1 ? std::min (4 * threads, most_at_once) : 1;
}

void
FaceDecoder::decode_batch (const std::vector<Request *> &batch, const Stop &stop)
{
  const Interruptible interruptible (stop);
  const Computation computation;
  const auto count = static_cast<std::int64_t> (batch.size ());
  const std::int64_t size = unet_->config ().style_channels;
  torch::Tensor z = torch::empty ({count, size});
  for (std::int64_t i = 0; i < count; i++)
    std::copy_n (batch[std::size_t (i)]->latent, size, z[i].data_ptr<float> ());
  const torch::Tensor pictures =
      sample (z.to (noise_.device ()), batch.front ()->steps).contiguous ();
  for (std::int64_t i = 0; i < count; i++)
    batch[std::size_t (i)]->picture = pictures[i];
}

// [B, 3, H, W] from z [B, style_channels].
torch::Tensor
FaceDecoder::sample (const torch::Tensor &z, int steps)
{
  const auto denoise = [&] (const torch::Tensor &x, const torch::Tensor &t) {
    return steps == 1 ? evaluate_last_step (z) : evaluate_step (x, t, z);
  };
  return ddim_sample (denoise, noise_.expand ({z.size (0), -1, -1, -1}), steps,
                      prediction_);
}

torch::Tensor
FaceDecoder::evaluate_step (const torch::Tensor &x, const torch::Tensor &t,
                            const torch::Tensor &z)
{
  return device_->evaluate ("step", {x, t, z}, [this] (const auto &inputs) {
    return unet_->forward (inputs[0], inputs[1], inputs[2]);
  });
}

torch::Tensor
FaceDecoder::evaluate_last_step (const torch::Tensor &z)
{
  return device_->evaluate ("last step", {z}, [this] (const auto &inputs) {
    return unet_->forward_from (last_step_, inputs[0]);
  });
}

// To nowhere: so that what is asked of the device is done, and set up for the next.
void
FaceDecoder::write_aside (const torch::Tensor &picture)
{
  ImageView view;
  view.height = int (picture.size (1));
  view.width = int (picture.size (2));
  view.stride[0] = 4 * view.width;
  std::vector<std::uint8_t> bytes (std::size_t (view.stride[0]) * view.height);
  view.plane[0] = bytes.data ();
  device_->write (picture, view);
}

void
FaceDecoder::warm_up (int steps)
{
  device_->run ([&] {
    const Computation computation;
    const torch::Tensor z =
        torch::zeros ({1, unet_->config ().style_channels}, noise_.options ());
    const torch::Tensor picture =
        steps == 1 ? evaluate_last_step (z)
                   : evaluate_step (noise_, torch::zeros ({1}, noise_.options ()), z);
    write_aside (picture[0]);
  });
}

} // namespace daetalker
