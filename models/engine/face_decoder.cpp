// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/face_decoder.h"

#include <algorithm>

#include "models/nn/interruption.h"

namespace daetalker {

// More in one evaluation only lengthens the wait of the first: the convolutions
// are at their full speed by then.
constexpr std::size_t max_batch = 16;

FaceDecoder::FaceDecoder (UNet unet, const torch::Tensor &noise, Prediction prediction,
                          const Placement &placement)
    : unet_ (std::move (unet)),
      noise_ (noise.to (placement.device, torch::kFloat).unsqueeze (0)),
      prediction_ (prediction), combiner_ (max_batch)
{
  const Computation computation;
  last_step_ = unet_->prepare (
      noise_,
      torch::full ({1}, diffusion_steps - 1, torch::kFloat).to (noise_.device ()));
}

torch::Tensor
FaceDecoder::decode (const float *latent, int steps, const Stop &stop)
{
  Request request{latent, steps, stop, {}};
  const bool done = combiner_.run (request, [this] (const std::vector<Request *> &batch) {
    const Stop nobody_waits = [&batch] {
      return std::all_of (batch.begin (), batch.end (),
                          [] (const Request *one) { return one->unwanted (); });
    };
    const Interruptible interruptible (nobody_waits);
    const Computation computation;
    decode_batch (batch);
  });
  if (!done)
    throw Interrupted ();
  return request.picture;
}

void
FaceDecoder::decode_batch (const std::vector<Request *> &batch)
{
  const auto count = static_cast<std::int64_t> (batch.size ());
  const std::int64_t size = unet_->config ().style_channels;
  torch::Tensor z = torch::empty ({count, size});
  for (std::int64_t i = 0; i < count; i++)
    std::copy_n (batch[std::size_t (i)]->latent, size, z[i].data_ptr<float> ());
  z = z.to (noise_.device ());
  const torch::Tensor noise = noise_.expand ({count, -1, -1, -1});
  const int steps = batch.front ()->steps;
  const auto denoise = [&] (const torch::Tensor &x, const torch::Tensor &t) {
    return steps == 1 ? unet_->forward_from (last_step_, z) : unet_->forward (x, t, z);
  };
  const torch::Tensor pictures =
      ddim_sample (denoise, noise, steps, prediction_).to (torch::kCPU).contiguous ();
  for (std::int64_t i = 0; i < count; i++)
    batch[std::size_t (i)]->picture = pictures[i];
}

void
FaceDecoder::warm_up ()
{
  const Computation computation;
  const torch::Tensor z = torch::zeros ({1, unet_->config ().style_channels});
  unet_->forward_from (last_step_, z.to (noise_.device ()));
}

} // namespace daetalker
