// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pictures.h"

#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "tests/cuda/fakecuda.h"

namespace daetalker::arithmetic {

namespace {

using Rgb = std::array<int, 3>;

std::uint8_t
to_byte (double value)
{
  return (std::uint8_t)std::lround (std::clamp (value, 0.0, 255.0));
}

class Picture {
public:
  Picture (const AvatarInfo &info, float red, int steps)
      : width_ (info.width), height_ (info.height),
        red_ (to_byte (255.0 * std::clamp (red, 0.0f, 1.0f))), steps_ (steps)
  {
  }

  Rgb at (int x, int y) const
  {
    return {red_, to_byte (255.0 * x / std::max (1, width_ - 1)),
            (to_byte (255.0 * y / std::max (1, height_ - 1)) + steps_ - 1) % 256};
  }

  void write_packed (const ImageView &out, int bytes, int red, int blue) const
  {
    for (int y = 0; y < height_; y++) {
      std::uint8_t *pixel = out.plane[0] + (std::ptrdiff_t)y * out.stride[0];
      for (int x = 0; x < width_; x++, pixel += bytes) {
        const Rgb rgb = at (x, y);
        pixel[red] = (std::uint8_t)rgb[0];
        pixel[1] = (std::uint8_t)rgb[1];
        pixel[blue] = (std::uint8_t)rgb[2];
        if (bytes == 4)
          pixel[3] = 255;
      }
    }
  }

  void write_yuv (const ImageView &out) const
  {
    const bool interleaved = out.format == PixelFormat::nv12;
    for (int y = 0; y < height_; y++)
      for (int x = 0; x < width_; x++)
        out.plane[0][(std::ptrdiff_t)y * out.stride[0] + x] =
            to_byte (to_yuv (out, at (x, y))[0]);
    for (int y = 0; y < height_; y += 2) {
      for (int x = 0; x < width_; x += 2) {
        double u = 0, v = 0;
        for (int corner = 0; corner < 4; corner++) {
          const auto yuv = to_yuv (out, at (std::min (x + corner % 2, width_ - 1),
                                            std::min (y + corner / 2, height_ - 1)));
          u += yuv[1] / 4;
          v += yuv[2] / 4;
        }
        const int step = interleaved ? 2 : 1;
        std::uint8_t *cb =
            out.plane[1] + (std::ptrdiff_t) (y / 2) * out.stride[1] + x / 2 * step;
        std::uint8_t *cr =
            interleaved ? cb + 1
                        : out.plane[2] + (std::ptrdiff_t) (y / 2) * out.stride[2] + x / 2;
        *cb = to_byte (u);
        *cr = to_byte (v);
      }
    }
  }

private:
  static std::array<double, 3> to_yuv (const ImageView &out, const Rgb &rgb)
  {
    const double kr = out.matrix == ColorMatrix::bt601 ? 0.299 : 0.2126;
    const double kb = out.matrix == ColorMatrix::bt601 ? 0.114 : 0.0722;
    const double luma = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2];
    const double cb = (rgb[2] - luma) / (2 * (1 - kb));
    const double cr = (rgb[0] - luma) / (2 * (1 - kr));
    if (out.full_range)
      return {luma, 128 + cb, 128 + cr};
    return {16 + luma * 219 / 255, 128 + cb * 224 / 255, 128 + cr * 224 / 255};
  }

  int width_, height_, red_, steps_;
};

// Kernels write memory of their own context: the primary one of the avatar's device.
void
check_device_memory (const AvatarInfo &info, const ImageView &view)
{
  void *driver = dlopen ("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
  const auto owner =
      driver == nullptr ? nullptr : (FakeCudaOwner)dlsym (driver, "fake_cuda_owner");
  const auto primary =
      driver == nullptr ? nullptr : (FakeCudaPrimary)dlsym (driver, "fake_cuda_primary");
  const bool fits =
      owner != nullptr && info.device.rfind ("cuda:", 0) == 0 &&
      owner (view.plane[0]) != nullptr &&
      owner (view.plane[0]) ==
          primary (std::atoi (info.device.c_str () + std::strlen ("cuda:")));
  if (!fits)
    throw Error (ErrorCode::failed, info.path,
                 "the picture's memory is not of the primary context of " + info.device,
                 "Give memory of that context");
}

void
check_size (const AvatarInfo &info, const ImageView &view)
{
  if (view.device_memory)
    check_device_memory (info, view);
  if (view.width != info.width || view.height != info.height)
    throw Error (ErrorCode::failed, info.path, "the picture's size is not the avatar's",
                 "Negotiate " + std::to_string (info.width) + "x" +
                     std::to_string (info.height));
}

class ArithmeticRenderer : public Renderer {
public:
  explicit ArithmeticRenderer (const Bundle &bundle) : bundle_ (bundle) {}

  void warm_up (int steps) override { check_steps (steps); }

  bool render (const float *latent, int steps, const ImageView &out,
               const Stop &stop) override
  {
    check_steps (steps);
    check_size (bundle_.avatar, out);
    bundle_.behaviour.check ("render", count_++);
    if (!bundle_.behaviour.spend (bundle_.behaviour.render_ms, std::size_t (steps), stop))
      return false;
    const Picture picture (bundle_.avatar, bundle_.weights[0] * latent[0], steps);
    switch (out.format) {
    case PixelFormat::rgb:
      picture.write_packed (out, 3, 0, 2);
      break;
    case PixelFormat::rgba:
    case PixelFormat::rgbx:
      picture.write_packed (out, 4, 0, 2);
      break;
    case PixelFormat::bgrx:
      picture.write_packed (out, 4, 2, 0);
      break;
    case PixelFormat::i420:
    case PixelFormat::nv12:
      picture.write_yuv (out);
      break;
    }
    return true;
  }

  int at_once () const override { return bundle_.behaviour.at_once; }

private:
  void check_steps (int steps) const
  {
    const std::vector<int> &known = bundle_.avatar.steps;
    if (std::find (known.begin (), known.end (), steps) == known.end ())
      throw Error (ErrorCode::wrong_model, bundle_.avatar.path,
                   "it does not render in " + std::to_string (steps) + " steps",
                   "Change steps");
  }

  const Bundle bundle_;
  std::uint64_t count_ = 0;
};

class ArithmeticImageEncoder : public ImageEncoder {
public:
  explicit ArithmeticImageEncoder (const Bundle &bundle) : bundle_ (bundle) {}

  void encode (const ImageView &image, float *latent) override
  {
    check_size (bundle_.avatar, image);
    bundle_.behaviour.check ("encode", count_++);
    double red = 0;
    for (int y = 0; y < image.height; y++)
      for (int x = 0; x < image.width; x++)
        red += image.plane[0][(std::ptrdiff_t)y * image.stride[0] + 3 * x];
    std::copy (bundle_.avatar.rest_latent.begin (), bundle_.avatar.rest_latent.end (),
               latent);
    latent[0] = (float)(red / (255.0 * image.width * image.height)) / bundle_.weights[0];
  }

private:
  const Bundle bundle_;
  std::uint64_t count_ = 0;
};

} // namespace

std::unique_ptr<Renderer>
open_renderer (const Bundle &bundle)
{
  return std::make_unique<ArithmeticRenderer> (bundle);
}

std::unique_ptr<ImageEncoder>
open_image_encoder (const Bundle &bundle)
{
  return std::make_unique<ArithmeticImageEncoder> (bundle);
}

} // namespace daetalker::arithmetic
