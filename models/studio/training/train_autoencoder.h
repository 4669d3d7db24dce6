// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Stage (a) of training: the diffusion autoencoder, from frames alone.
#pragma once

#include <memory>
#include <string>

#include "models/io/tensors.h"
#include "models/nn/autoencoder_config.h"
#include "models/studio/training/frame_store.h"
#include "models/studio/training/region_weights.h"
#include "models/studio/training/workers.h"

namespace daetalker {

struct AutoencoderTraining {
  AutoencoderConfig network = eigenface_autoencoder (32);
  int batch = 16;
  double minutes = 60;         // of training, over all resumed runs
  double learning_rate = 4e-4; // falls to a twentieth along a cosine
  double one_step_share = 0.5; // of a batch: the fixed noise at the last step
  RegionGains gains;           // of the loss
  double head_weight = 0.2;    // of the latent head's loss
  // Of the latents, as many are the mean of their neighbours' (eigenfaces only): what
  // lies between two frames, or is as smooth as speech2latent's, is drawn sharp too.
  double between_share = 0.25;
  // As many have speech2latent's errors added, where it has been trained (eigenfaces
  // only): what it predicts is an average, and is drawn as sharp as a real frame.
  double predicted_share = 0.4;
  double warp_weight = 0.5;    // of the warped references' own loss, where there are any
  double detail_weight = 2;    // of the amount of detail, beside the squared error
  double adversary_weight = 0; // of the adversary's slope beside the regression's
  double adversary_from = 0.5; // it joins after this share of the UNet's minutes
  double checkpoint_minutes = 3;
  uint64_t seed = 1;
  double encoder_minutes = 8;     // first, of the encoder and its linear head alone
  bool freeze_encoder = false;    // go on with the UNet alone; latents stay as they are
  std::string init;               // safetensors of unet.* and encoder.*, or empty
  AutoencoderConfig init_network; // its shape; its UNet may be wider than `network`'s
  // They train together, each with `batch` pictures; the first one writes the files.
  // Empty: this process alone.
  std::shared_ptr<Workers> workers;
};

// With eigenfaces: their fit, then the UNet.  Else first the encoder, alone, so that a
// linear reading of z tells what a viewer looks at; then, from its whitened latents, the
// UNet.  Without encoder minutes both are trained together, as Diff-AE is.  Trains until
// `minutes` are used up; writes into the folder `work`:
//   autoencoder.state.safetensors  everything that resuming needs
//   autoencoder.safetensors        averaged weights (unet.*, encoder.*), float32
//   eigenfaces.safetensors         their fit
//   noise.safetensors              the one noise image, [3, H, W]
//   autoencoder.png                a sheet of held-out frames, and the log (TrainLog)
// and reads speech2latent.errors.safetensors there, if it is of these latents.
void train_autoencoder (const FrameStore &store, const std::string &work,
                        const AutoencoderTraining &options);

} // namespace daetalker
