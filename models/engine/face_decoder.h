// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Latents -> pictures: the UNet and the avatar's one noise image, shared by all
// streams.
#pragma once

#include "models/engine/combiner.h"
#include "models/engine/decoder_device.h"
#include "models/engine/placement.h"
#include "models/nn/diffusion.h"
#include "models/nn/unet.h"

namespace daetalker {

class FaceDecoder {
public:
  // `noise`: x_T [3, H, W].  The UNet is in evaluation mode on the placement's
  // device, in its type.
  FaceDecoder (UNet unet, const torch::Tensor &noise, Prediction prediction,
               const Placement &placement);

  // `latent`: style_channels numbers.  Writes the picture into `out`.  Calls that come
  // while another runs share one evaluation, which ends early, with Interrupted, once
  // `stop` of each of them says so.
  void decode (const float *latent, int steps, const ImageView &out, const Stop &stop);

  // Several pictures at the same time, each as decode () makes it: on a GPU in one
  // evaluation; on the CPU one to a thread, since small layers are not worth the threads'
  // waiting for one another.
  void decode_all (const std::vector<Drawing> &drawings, int steps, const Stop &stop);

  // See Renderer.
  int at_once () const;

  // One evaluation of the UNet on its own, as decode () with `steps` makes it, to the
  // end.
  void warm_up (int steps);

private:
  struct Request {
    const float *latent;
    int steps;
    const Stop &stop;
    torch::Tensor picture;
    bool fits (const Request &other) const { return steps == other.steps; }
    bool unwanted () const { return stop && stop (); }
  };

  void decode_together (const std::vector<Drawing> &drawings, int steps,
                        const Stop &stop);
  // On the calling thread, of a CPU.
  void decode_alone (const Drawing &drawing, int steps, const Stop &stop);
  void decode_batch (const std::vector<Request *> &batch, const Stop &stop);
  torch::Tensor sample (const torch::Tensor &z, int steps);
  torch::Tensor evaluate_step (const torch::Tensor &x, const torch::Tensor &t,
                               const torch::Tensor &z);
  torch::Tensor evaluate_last_step (const torch::Tensor &z);
  void write_aside (const torch::Tensor &picture);

  std::unique_ptr<DecoderDevice> device_; // first: its memory is in use by what follows
  UNet unet_;
  torch::Tensor noise_;       // [1, 3, H, W]
  UNetImpl::Start last_step_; // from the noise, at the last of the diffusion's steps
  Prediction prediction_;
  Combiner<Request> combiner_;
};

} // namespace daetalker
