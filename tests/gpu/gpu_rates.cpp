// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Pictures a second on a GPU, by shape of the UNet, precision and steps, into NV12 in the
// GPU's memory: one by one, as a live stream draws them, and as many at once as a file's:
//
//   gpu_rates [DEVICE]      (default: cuda:0; cpu works too, slowly)
//
// Weights are random: they do not change how long it takes.
#include "models/engine/errors.h"
#include "models/engine/face_decoder.h"
#include "models/nn/autoencoder_config.h"

#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <torch/utils.h>

namespace daetalker {
namespace {

struct Shape {
  const char *name;
  UNetConfig config;
  Prediction prediction;
};

// The shipped avatar's, the one that `daetalker train` makes by its defaults, the
// paper's.
std::vector<Shape>
shapes ()
{
  AutoencoderConfig shipped = eigenface_autoencoder (32);
  shipped.unet.channel_mult = {1, 1, 2};
  const AutoencoderConfig wide = eigenface_autoencoder (64),
                          paper = ffhq256_autoencoder ();
  return {{"eigenfaces, 32 32 64", shipped.unet, shipped.prediction},
          {"eigenfaces, 64 128 192", wide.unet, wide.prediction},
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

// `count` pictures, NV12 in the memory of `device`.
class Targets {
public:
  Targets (int count, int side, const torch::Device &device)
      : memory_ (torch::empty ({count, side * side * 3 / 2},
                               torch::dtype (torch::kByte).device (device)))
  {
    for (int i = 0; i < count; i++) {
      ImageView view;
      view.format = PixelFormat::nv12;
      view.device_memory = device.is_cuda ();
      view.width = view.height = side;
      view.stride = {side, side, 0};
      auto *bytes = memory_[i].data_ptr<std::uint8_t> ();
      view.plane = {bytes, bytes + std::ptrdiff_t (side) * side, nullptr};
      views_.push_back (view);
    }
  }

  const std::vector<ImageView> &views () const { return views_; }

private:
  torch::Tensor memory_;
  std::vector<ImageView> views_;
};

// Of `draw`, which draws `count`.
double
pictures_per_second (const std::function<void ()> &draw, int count)
{
  using Clock = std::chrono::steady_clock;
  draw (); // recorded now
  int pictures = 0;
  const Clock::time_point start = Clock::now ();
  double seconds = 0;
  while (seconds < 1) {
    draw ();
    pictures += count;
    seconds = std::chrono::duration<double> (Clock::now () - start).count ();
  }
  return pictures / seconds;
}

void
print_row (const Shape &shape, const std::string &device, const char *precision)
{
  const Placement placement = choose_placement ({device, precision, 0});
  FaceDecoder decoder = random_decoder (shape, placement);
  const std::vector<float> latent (std::size_t (shape.config.style_channels), 0.1f);
  const int together = decoder.at_once ();
  const Targets targets (together, shape.config.image_size, placement.device);
  std::vector<Drawing> drawings;
  for (const ImageView &view : targets.views ())
    drawings.push_back ({latent.data (), view});
  for (const int steps : {1, 5, 20, 100}) {
    const double single = pictures_per_second (
        [&] { decoder.decode (latent.data (), steps, targets.views ()[0], {}); }, 1);
    const double many =
        pictures_per_second ([&] { decoder.decode_all (drawings, steps, {}); }, together);
    std::printf ("%-24s %-9s %6d %12.2f %12.2f\n", shape.name, precision, steps, single,
                 many);
    std::fflush (stdout);
  }
}

void
print_rates (const std::string &device)
{
  std::printf ("%-24s %-9s %6s %12s %12s\n", "shape", "precision", "steps", "pictures/s",
               "together");
  for (const Shape &shape : shapes ())
    for (const char *precision : {"float32", "bfloat16", "float16"})
      print_row (shape, device, precision);
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
