// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Pictures a second on a GPU, by shape of the UNet, precision and steps, into NV12 in the
// GPU's memory:
//
//   gpu_rates [DEVICE]      (default: cuda:0; cpu works too, slowly)
//
// Weights are random: they do not change how long it takes.
#include "models/engine/errors.h"
#include "models/engine/face_decoder.h"
#include "models/nn/autoencoder_config.h"

#include <chrono>
#include <cstdio>
#include <iostream>
#include <torch/utils.h>

namespace daetalker {
namespace {

struct Shape {
  const char *name;
  UNetConfig config;
  Prediction prediction;
};

// The shipped avatar's, and the paper's.
std::vector<Shape>
shapes ()
{
  const AutoencoderConfig live = eigenface_autoencoder (64),
                          paper = ffhq256_autoencoder ();
  return {{"eigenfaces, 64 wide", live.unet, live.prediction},
          {"ffhq256", paper.unet, paper.prediction}};
}

FaceDecoder
random_decoder (const Shape &shape, const Placement &placement)
{
  const torch::NoGradGuard no_grad;
  UNet unet (shape.config);
  unet->to (placement.device);
  unet->eval ();
  convert_convolutions (*unet, placement.type);
  const std::int64_t side = shape.config.image_size;
  return FaceDecoder (unet, torch::randn ({3, side, side}), shape.prediction, placement);
}

// NV12 in the memory of `device`.
class Target {
public:
  Target (int side, const torch::Device &device)
      : memory_ (torch::empty ({side * side * 3 / 2},
                               torch::dtype (torch::kByte).device (device)))
  {
    view_.format = PixelFormat::nv12;
    view_.device_memory = device.is_cuda ();
    view_.width = view_.height = side;
    view_.stride = {side, side, 0};
    auto *bytes = memory_.data_ptr<std::uint8_t> ();
    view_.plane = {bytes, bytes + std::ptrdiff_t (side) * side, nullptr};
  }

  const ImageView &view () const { return view_; }

private:
  torch::Tensor memory_;
  ImageView view_;
};

double
pictures_per_second (FaceDecoder &decoder, const Target &target, int size, int steps)
{
  using Clock = std::chrono::steady_clock;
  const std::vector<float> latent (std::size_t (size), 0.1f);
  const auto draw = [&] {
    decoder.decode (latent.data (), steps, target.view (), {});
  };
  draw (); // recorded now
  int pictures = 0;
  const Clock::time_point start = Clock::now ();
  double seconds = 0;
  while (pictures < 3 || seconds < 2) {
    draw ();
    pictures++;
    seconds = std::chrono::duration<double> (Clock::now () - start).count ();
  }
  return pictures / seconds;
}

void
print_rates (const std::string &device)
{
  std::printf ("%-20s %-9s %6s %12s\n", "shape", "precision", "steps", "pictures/s");
  for (const Shape &shape : shapes ())
    for (const char *precision : {"float32", "bfloat16", "float16"}) {
      const Placement placement = choose_placement ({device, precision, 0});
      FaceDecoder decoder = random_decoder (shape, placement);
      const Target target (shape.config.image_size, placement.device);
      for (const int steps : {1, 5, 20, 100}) {
        std::printf (
            "%-20s %-9s %6d %12.2f\n", shape.name, precision, steps,
            pictures_per_second (decoder, target, shape.config.style_channels, steps));
        std::fflush (stdout);
      }
    }
}

} // namespace
} // namespace daetalker

int
main (int argc, char **argv)
{
  try {
    daetalker::guarded ("gpu_rates",
                        [&] { daetalker::print_rates (argc > 1 ? argv[1] : "cuda:0"); });
  } catch (const daetalker::Error &error) {
    std::cerr << "gpu_rates: " << error.what () << '\n';
    return 1;
  }
  return 0;
}
