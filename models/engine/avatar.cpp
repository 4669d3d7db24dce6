// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/avatar.h"

#include "models/engine/errors.h"
#include "models/engine/face_decoder.h"
#include "models/engine/latent_stream.h"
#include "models/engine/network_configs.h"
#include "models/engine/pixels.h"
#include "models/nn/interruption.h"
#include "models/nn/semantic_encoder.h"
#include "models/nn/weights.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <torch/utils.h>

namespace daetalker {
namespace {

class TorchRenderer : public Renderer {
public:
  TorchRenderer (std::shared_ptr<FaceDecoder> decoder, const AvatarInfo &info)
      : use_ (info.device), decoder_ (std::move (decoder)), path_ (info.path),
        steps_ (info.steps)
  {
  }

  void warm_up (int steps) override
  {
    check_steps (steps);
    guarded (path_, [&] { decoder_->warm_up (steps); });
  }

  bool render (const float *latent, int steps, const ImageView &out,
               const Stop &stop) override
  {
    check_steps (steps);
    return guarded (path_, [&] {
      try {
        decoder_->decode (latent, steps, out, stop);
      } catch (const Interrupted &) {
        return false;
      }
      return true;
    });
  }

  bool render_all (const std::vector<Drawing> &drawings, int steps,
                   const Stop &stop) override
  {
    check_steps (steps);
    return guarded (path_, [&] {
      try {
        decoder_->decode_all (drawings, steps, stop);
      } catch (const Interrupted &) {
        return false;
      }
      return true;
    });
  }

  int at_once () const override { return decoder_->at_once (); }

private:
  void check_steps (int steps) const
  {
    if (std::find (steps_.begin (), steps_.end (), steps) != steps_.end ())
      return;
    std::string list;
    for (const int value : steps_)
      list += (list.empty () ? "" : ", ") + std::to_string (value);
    throw Error (ErrorCode::wrong_model, path_,
                 "it does not render in " + std::to_string (steps) + " steps",
                 "Choose steps from " + list);
  }

  const DeviceUse use_;
  std::shared_ptr<FaceDecoder> decoder_;
  const std::string path_;
  const std::vector<int> steps_;
};

// [B, 3, H, W] in [-1, 1] -> [B, latent_size].
using Encode = std::function<torch::Tensor (const torch::Tensor &)>;

class TorchImageEncoder : public ImageEncoder {
public:
  TorchImageEncoder (Encode encode, const Placement &placement, const AvatarInfo &info)
      : encode_ (std::move (encode)), placement_ (placement), path_ (info.path),
        width_ (info.width), height_ (info.height)
  {
  }

  void encode (const ImageView &image, float *latent) override
  {
    guarded (path_, [&] {
      const Computation computation;
      torch::Tensor picture = torch::empty ({1, 3, height_, width_});
      read_pixels (image, planar_image (picture.data_ptr<float> (), width_, height_));
      const torch::Tensor z =
          encode_ (picture.to (placement_.device)).to (torch::kCPU).contiguous ();
      std::copy_n (z.data_ptr<float> (), z.numel (), latent);
    });
  }

private:
  const Encode encode_;
  const Placement placement_;
  const std::string path_;
  const int width_, height_;
};

// Fewer numbers than a pyramid of residual blocks has.
template <typename Config>
double
pyramid_size (const Config &config)
{
  double size = 0;
  for (const double mult : config.channel_mult)
    size += 9 * std::pow (mult * config.model_channels, 2) * config.num_res_blocks;
  return size;
}

double
least_size (const AutoencoderConfig &config)
{
  const UNetConfig &unet = config.unet;
  const double pixels = std::pow (unet.image_size, 2);
  return pyramid_size (unet) + 3.0 * unet.references * pixels +
         std::pow (unet.embed_channels, 2) +
         (unet.eigenfaces ? 0.375 * unet.style_channels * pixels
                          : pyramid_size (config.encoder));
}

double
least_size (const Speech2LatentConfig &config)
{
  const ConformerConfig &block = config.conformer;
  return 2.0 * block.blocks * block.size * (block.size + 2.0 * block.feed_forward) +
         std::pow (config.pose_hidden, 2);
}

class TorchAvatar : public Avatar {
public:
  TorchAvatar (const Bundle &bundle, const Placement &placement, OpenEncoder open_encoder)
      : bundle_ (bundle), placement_ (placement), info_ (bundle.info),
        open_encoder_ (std::move (open_encoder))
  {
    info_.device = placement.device_name ();
    info_.precision = placement.precision_name ();

    const torch::NoGradGuard no_grad;
    const NetworkConfigs configs = read_network_configs (bundle);
    require_spacings ();
    verify_files (bundle);
    load_autoencoder (configs.autoencoder);
    load_speech2latent (configs.speech2latent);
  }

  const AvatarInfo &info () const override { return info_; }

  std::shared_ptr<SpeechEncoder> speech_encoder () override
  {
    auto encoder = open_encoder_ (bundle_);
    const SpeechEncoderInfo &facts = encoder->info ();
    if (facts.hash != info_.encoder_hash || facts.feature_size != info_.feature_size ||
        std::int64_t (facts.sample_rate) * info_.feature_rate.den !=
            std::int64_t (info_.feature_rate.num) * facts.hop)
      throw Error (ErrorCode::wrong_model, info_.path + "/" + bundle_.encoder,
                   "it is not the speech encoder that avatar.json describes",
                   "Export the avatar again");
    return encoder;
  }

  std::unique_ptr<LatentStream> open_stream (const Window *window) override
  {
    return daetalker::open_latent_stream (speech2latent_, speech_placement_,
                                          window ? *window : info_.window, info_.path);
  }

  std::unique_ptr<Renderer> open_renderer () override
  {
    return std::make_unique<TorchRenderer> (decoder_, info_);
  }

  std::unique_ptr<ImageEncoder> open_image_encoder () override
  {
    return std::make_unique<TorchImageEncoder> (encode_, placement_, info_);
  }

private:
  void require_spacings () const
  {
    try {
      for (const int steps : info_.steps)
        if (steps != 1)
          ddim_timesteps (steps);
    } catch (const Error &error) {
      throw Error (error.code (), bundle_.path + "/" + bundle_file::description,
                   error.what (), "Correct \"steps\"");
    }
  }

  void load_speech2latent (const Speech2LatentConfig &config)
  {
    const std::string file = file_path (bundle_, bundle_file::speech2latent);
    const TensorMap weights = load_tensors (file);
    require_size (least_size (config), weights, file, "avatar.json");
    speech2latent_ = Speech2Latent (config);
    load_weights (*speech2latent_, weights, file);
    info_.latent_deviation = speech2latent_->latent_deviation ();
    speech_placement_ = placement_for_speech (placement_, numbers_in (*speech2latent_));
    info_.speech_device = speech_placement_.device_name ();
    speech2latent_->to (speech_placement_.device);
    speech2latent_->eval ();
    settle (*speech2latent_);
    info_.speech_precision = Placement{speech_placement_.device,
                                       speech2latent_->parameters ()[0].scalar_type (), 0}
                                 .precision_name ();
  }

  void load_autoencoder (const AutoencoderConfig &config)
  {
    const std::string file = file_path (bundle_, bundle_file::autoencoder);
    const TensorMap weights = load_tensors (file);
    require_size (least_size (config), weights, file, "avatar.json");
    UNet unet (config.unet);
    const TensorMap unet_weights = without_prefix (weights, "unet.");
    const TensorMap encoder_weights = without_prefix (weights, "encoder.");
    if (unet_weights.size () + encoder_weights.size () != weights.size ())
      throw Error (ErrorCode::wrong_model, file,
                   "it holds tensors that are neither unet.* nor encoder.*",
                   "Export the avatar again");
    const auto load = [&] (torch::nn::Module &module, const TensorMap &tensors) {
      load_weights (module, tensors, file);
      module.to (placement_.device);
      module.eval ();
      convert_convolutions (module, placement_.type);
    };
    load (*unet, unet_weights);
    if (Eigenfaces eigenfaces = unet->eigenfaces ()) {
      if (!encoder_weights.empty ())
        throw Error (ErrorCode::wrong_model, file,
                     "it holds an encoder, but its latents are of eigenfaces",
                     "Export the avatar again");
      encode_ = [eigenfaces] (const torch::Tensor &pictures) mutable {
        return eigenfaces->encode (pictures);
      };
    } else {
      SemanticEncoder encoder (config.encoder);
      load (*encoder, encoder_weights);
      settle (*encoder);
      encode_ = [encoder] (const torch::Tensor &pictures) mutable {
        return encoder->forward (pictures);
      };
    }
    decoder_ = std::make_shared<FaceDecoder> (unet, load_noise (), config.prediction,
                                              placement_);
  }

  torch::Tensor load_noise () const
  {
    const std::string file = file_path (bundle_, bundle_file::noise);
    const TensorMap tensors = load_tensors (file);
    const auto noise = tensors.find ("x_T");
    if (noise == tensors.end () ||
        noise->second.sizes () != torch::IntArrayRef ({3, info_.height, info_.width}))
      throw Error (ErrorCode::wrong_model, file,
                   "it does not hold x_T of [3, height, width]",
                   "Export the avatar again");
    if (!noise->second.isfinite ().all ().item<bool> ())
      throw Error (ErrorCode::corrupt, file, "x_T holds NaN or infinity",
                   "Export the avatar again");
    return noise->second;
  }

  const Bundle bundle_;
  const Placement placement_;
  Placement speech_placement_;
  AvatarInfo info_;
  const OpenEncoder open_encoder_;
  std::shared_ptr<FaceDecoder> decoder_;
  Encode encode_;
  Speech2Latent speech2latent_{nullptr};
};

} // namespace

std::shared_ptr<Avatar>
load_avatar (const Bundle &bundle, const Placement &placement, OpenEncoder open_encoder)
{
  return guarded (bundle.path, [&] {
    return std::make_shared<TorchAvatar> (bundle, placement, std::move (open_encoder));
  });
}

} // namespace daetalker
