// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/pixels.h"
#include "tests/models/expect_error.h"

#include <cmath>
#include <gst/video/video.h>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <random>

using namespace daetalker;

namespace {

// A smooth coloured picture with some noise, a little beyond [-1, 1].
std::vector<float>
test_picture (int width, int height)
{
  std::mt19937 random (5);
  std::normal_distribution<float> normal (0, 0.05f);
  std::vector<float> planes;
  for (int channel = 0; channel < 3; channel++)
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++)
        planes.push_back (1.1f * std::sin (0.11f * float (x) * float (channel + 1) +
                                           0.07f * float (y) + float (channel)) +
                          normal (random));
  return planes;
}

struct Buffer {
  Buffer (PixelFormat format, int width, int height, int padding)
  {
    const int chroma_height = (height + 1) / 2;
    int sizes[3][2] = {{width, height}, {0, 0}, {0, 0}}; // bytes, rows
    switch (format) {
    case PixelFormat::rgb:
      sizes[0][0] = 3 * width;
      break;
    case PixelFormat::rgba:
    case PixelFormat::rgbx:
    case PixelFormat::bgrx:
      sizes[0][0] = 4 * width;
      break;
    case PixelFormat::i420:
      sizes[1][0] = sizes[2][0] = (width + 1) / 2;
      sizes[1][1] = sizes[2][1] = chroma_height;
      break;
    case PixelFormat::nv12:
      sizes[1][0] = (width + 1) / 2 * 2;
      sizes[1][1] = chroma_height;
    }
    view.format = format;
    view.width = width;
    view.height = height;
    for (int i = 0; i < 3; i++) {
      if (sizes[i][1] == 0)
        continue;
      view.stride[i] = sizes[i][0] + padding;
      bytes[i].assign (std::size_t (view.stride[i] * sizes[i][1]), 0xEE);
      view.plane[i] = bytes[i].data ();
      used[i] = sizes[i][0];
    }
  }

  // The bytes between the picture's end of row and the next row are untouched.
  void expect_padding_untouched () const
  {
    for (int i = 0; i < 3; i++)
      for (std::size_t at = 0; at < bytes[i].size (); at++) {
        if (int (at) % view.stride[i] >= used[i]) {
          ASSERT_EQ (bytes[i][at], 0xEE) << "plane " << i << " byte " << at;
        }
      }
  }

  ImageView view;
  std::vector<std::uint8_t> bytes[3];
  int used[3] = {0, 0, 0};
};

GstVideoFormat
gst_format (PixelFormat format)
{
  switch (format) {
  case PixelFormat::rgba:
    return GST_VIDEO_FORMAT_RGBA;
  case PixelFormat::rgbx:
    return GST_VIDEO_FORMAT_RGBx;
  case PixelFormat::bgrx:
    return GST_VIDEO_FORMAT_BGRx;
  case PixelFormat::i420:
    return GST_VIDEO_FORMAT_I420;
  case PixelFormat::nv12:
    return GST_VIDEO_FORMAT_NV12;
  default:
    return GST_VIDEO_FORMAT_RGB;
  }
}

const char *
colorimetry (ColorMatrix matrix, bool full_range)
{
  // range:matrix:transfer:primaries; the matrix of RGB is 1
  if (matrix == ColorMatrix::bt601)
    return full_range ? "1:4:0:0" : "2:4:0:0";
  return full_range ? "1:3:0:0" : "2:3:0:0";
}

// The largest difference to what GStreamer's own converter makes of the RGB.
int
difference_to_gstreamer (const Buffer &rgb, const Buffer &ours)
{
  const ImageView &view = ours.view;
  GstVideoInfo in_info, out_info;
  gst_video_info_set_format (&in_info, GST_VIDEO_FORMAT_RGB, guint (view.width),
                             guint (view.height));
  gst_video_colorimetry_from_string (&in_info.colorimetry, "1:1:0:0");
  gst_video_info_set_format (&out_info, gst_format (view.format), guint (view.width),
                             guint (view.height));
  if (view.format == PixelFormat::i420 || view.format == PixelFormat::nv12) {
    gst_video_colorimetry_from_string (&out_info.colorimetry,
                                       colorimetry (view.matrix, view.full_range));
    out_info.chroma_site = GST_VIDEO_CHROMA_SITE_JPEG;
  } else {
    gst_video_colorimetry_from_string (&out_info.colorimetry, "1:1:0:0");
  }
  GstBuffer *in = gst_buffer_new_allocate (nullptr, in_info.size, nullptr);
  GstBuffer *out = gst_buffer_new_allocate (nullptr, out_info.size, nullptr);
  GstVideoFrame in_frame, out_frame;
  gst_video_frame_map (&in_frame, &in_info, in, GST_MAP_READWRITE);
  gst_video_frame_map (&out_frame, &out_info, out, GST_MAP_READWRITE);
  for (int y = 0; y < view.height; y++)
    std::copy_n (rgb.view.plane[0] + y * rgb.view.stride[0], 3 * view.width,
                 static_cast<std::uint8_t *> (GST_VIDEO_FRAME_PLANE_DATA (&in_frame, 0)) +
                     y * GST_VIDEO_FRAME_PLANE_STRIDE (&in_frame, 0));
  GstVideoConverter *converter = gst_video_converter_new (
      &in_info, &out_info,
      gst_structure_new ("options", GST_VIDEO_CONVERTER_OPT_DITHER_METHOD,
                         GST_TYPE_VIDEO_DITHER_METHOD, GST_VIDEO_DITHER_NONE, nullptr));
  gst_video_converter_frame (converter, &in_frame, &out_frame);

  int worst = 0;
  for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES (&out_frame); plane++) {
    const auto *theirs =
        static_cast<std::uint8_t *> (GST_VIDEO_FRAME_PLANE_DATA (&out_frame, plane));
    const int rows = int (ours.bytes[plane].size ()) / view.stride[plane];
    for (int y = 0; y < rows; y++)
      for (int x = 0; x < ours.used[plane]; x++) {
        const bool filler =
            view.format == PixelFormat::rgbx || view.format == PixelFormat::bgrx;
        if (filler && x % 4 == 3)
          continue;
        worst = std::max (
            worst,
            std::abs (int (ours.view.plane[plane][y * view.stride[plane] + x]) -
                      theirs[y * GST_VIDEO_FRAME_PLANE_STRIDE (&out_frame, plane) + x]));
      }
  }
  gst_video_converter_free (converter);
  gst_video_frame_unmap (&in_frame);
  gst_video_frame_unmap (&out_frame);
  gst_buffer_unref (in);
  gst_buffer_unref (out);
  return worst;
}

struct Target {
  PixelFormat format;
  ColorMatrix matrix;
  bool full_range;
};

class AnyFormat : public testing::TestWithParam<Target> {
protected:
  static void SetUpTestSuite () { gst_init (nullptr, nullptr); }
};

const Target targets[] = {
    {PixelFormat::rgb, ColorMatrix::bt601, true},
    {PixelFormat::rgba, ColorMatrix::bt601, true},
    {PixelFormat::rgbx, ColorMatrix::bt601, true},
    {PixelFormat::bgrx, ColorMatrix::bt601, true},
    {PixelFormat::i420, ColorMatrix::bt601, false},
    {PixelFormat::i420, ColorMatrix::bt601, true},
    {PixelFormat::i420, ColorMatrix::bt709, false},
    {PixelFormat::i420, ColorMatrix::bt709, true},
    {PixelFormat::nv12, ColorMatrix::bt601, false},
    {PixelFormat::nv12, ColorMatrix::bt601, true},
    {PixelFormat::nv12, ColorMatrix::bt709, false},
    {PixelFormat::nv12, ColorMatrix::bt709, true},
};

} // namespace

// GStreamer's fast path has 8-bit coefficients and truncates: it stays up to 1.5
// below the exact value, and we round the exact one.
TEST_P (AnyFormat, IsCloseToGStreamer)
{
  const Target &target = GetParam ();
  const int width = 64, height = 48;
  std::vector<float> picture = test_picture (width, height);
  const FloatImage image = planar_image (picture.data (), width, height);
  Buffer rgb (PixelFormat::rgb, width, height, 0);
  write_pixels (image, rgb.view);
  Buffer out (target.format, width, height, 13);
  out.view.matrix = target.matrix;
  out.view.full_range = target.full_range;
  write_pixels (image, out.view);
  out.expect_padding_untouched ();
  const bool packed =
      target.format != PixelFormat::i420 && target.format != PixelFormat::nv12;
  EXPECT_LE (difference_to_gstreamer (rgb, out), packed ? 0 : 2);
}

// The definition (ITU-R BT.601-7 2.5, BT.709-6 3), in double, from the RGB bytes.
TEST_P (AnyFormat, IsTheDefinitionRounded)
{
  const Target &target = GetParam ();
  if (target.format != PixelFormat::i420 && target.format != PixelFormat::nv12)
    return;
  const int width = 64, height = 48;
  std::vector<float> picture = test_picture (width, height);
  Buffer rgb (PixelFormat::rgb, width, height, 0);
  write_pixels (planar_image (picture.data (), width, height), rgb.view);
  Buffer out (target.format, width, height, 0);
  out.view.matrix = target.matrix;
  out.view.full_range = target.full_range;
  write_pixels (planar_image (picture.data (), width, height), out.view);

  const double kr = target.matrix == ColorMatrix::bt601 ? 0.299 : 0.2126;
  const double kb = target.matrix == ColorMatrix::bt601 ? 0.114 : 0.0722;
  const auto luma = [&] (double r, double g, double b) {
    return kr * r + (1 - kr - kb) * g + kb * b;
  };
  const auto byte = [&] (int x, int y, int channel) {
    return rgb.bytes[0][std::size_t ((y * width + x) * 3 + channel)] / 255.0;
  };
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      const double value = luma (byte (x, y, 0), byte (x, y, 1), byte (x, y, 2));
      ASSERT_NEAR (out.bytes[0][std::size_t (y * width + x)],
                   target.full_range ? 255 * value : 16 + 219 * value, 0.501);
    }
  const bool nv12 = target.format == PixelFormat::nv12;
  for (int y = 0; y < height; y += 2)
    for (int x = 0; x < width; x += 2) {
      double mean[3];
      for (int c = 0; c < 3; c++)
        mean[c] = (byte (x, y, c) + byte (x + 1, y, c) + byte (x, y + 1, c) +
                   byte (x + 1, y + 1, c)) /
                  4;
      const double value = luma (mean[0], mean[1], mean[2]);
      const double scale = target.full_range ? 255 : 224;
      const double cb = 128 + scale * (mean[2] - value) / (2 * (1 - kb));
      const double cr = 128 + scale * (mean[0] - value) / (2 * (1 - kr));
      const std::size_t at = std::size_t (y / 2 * (width / 2) + x / 2);
      const int our_cb = nv12 ? out.bytes[1][2 * at] : out.bytes[1][at];
      const int our_cr = nv12 ? out.bytes[1][2 * at + 1] : out.bytes[2][at];
      ASSERT_NEAR (our_cb, std::min (cb, 255.0), 0.501);
      ASSERT_NEAR (our_cr, std::min (cr, 255.0), 0.501);
    }
}

TEST_P (AnyFormat, OddSizesStayInTheirPlanes)
{
  std::vector<float> picture = test_picture (7, 5);
  Buffer out (GetParam ().format, 7, 5, 3);
  write_pixels (planar_image (picture.data (), 7, 5), out.view);
  out.expect_padding_untouched ();
  // Interleaved input gives the same bytes.
  std::vector<float> interleaved;
  for (int pixel = 0; pixel < 35; pixel++)
    for (int channel = 0; channel < 3; channel++)
      interleaved.push_back (picture[std::size_t (channel * 35 + pixel)]);
  Buffer again (GetParam ().format, 7, 5, 3);
  write_pixels (interleaved_image (interleaved.data (), 7, 5), again.view);
  for (int plane = 0; plane < 3; plane++)
    EXPECT_EQ (out.bytes[plane], again.bytes[plane]);
}

INSTANTIATE_TEST_SUITE_P (Formats, AnyFormat, testing::ValuesIn (targets));

TEST (Pixels, RoundAndClamp)
{
  EXPECT_EQ (to_byte (-1), 0);
  EXPECT_EQ (to_byte (1), 255);
  EXPECT_EQ (to_byte (0), 128);
  EXPECT_EQ (to_byte (5), 255);
  EXPECT_EQ (to_byte (-5), 0);
  EXPECT_EQ (to_byte (std::numeric_limits<float>::quiet_NaN ()), 0);
  EXPECT_EQ (to_byte (std::numeric_limits<float>::infinity ()), 255);
  for (int value = 0; value < 256; value++)
    EXPECT_EQ (to_byte (from_byte (std::uint8_t (value))), value);
}

TEST (Pixels, KnownColours)
{
  // BT.601 and BT.709 limited range, 8 bits: white, red and blue of colour bars.
  float white[3] = {1, 1, 1}, red[3] = {1, -1, -1}, blue[3] = {-1, -1, 1};
  const auto yuv = [] (float *rgb, ColorMatrix matrix) {
    Buffer out (PixelFormat::i420, 1, 1, 0);
    out.view.matrix = matrix;
    write_pixels (planar_image (rgb, 1, 1), out.view);
    return std::array<int, 3>{out.bytes[0][0], out.bytes[1][0], out.bytes[2][0]};
  };
  using Yuv = std::array<int, 3>;
  EXPECT_EQ (yuv (white, ColorMatrix::bt601), (Yuv{235, 128, 128}));
  EXPECT_EQ (yuv (red, ColorMatrix::bt601), (Yuv{81, 90, 240}));
  EXPECT_EQ (yuv (blue, ColorMatrix::bt601), (Yuv{41, 240, 110}));
  EXPECT_EQ (yuv (red, ColorMatrix::bt709), (Yuv{63, 102, 240}));
  EXPECT_EQ (yuv (blue, ColorMatrix::bt709), (Yuv{32, 240, 118}));
}

TEST (Pixels, ReadWhatWasWritten)
{
  std::vector<float> picture = test_picture (9, 6);
  Buffer rgb (PixelFormat::rgb, 9, 6, 5);
  write_pixels (planar_image (picture.data (), 9, 6), rgb.view);
  std::vector<float> back (picture.size ());
  read_pixels (rgb.view, planar_image (back.data (), 9, 6));
  for (std::size_t i = 0; i < back.size (); i++)
    EXPECT_NEAR (back[i], std::clamp (picture[i], -1.0f, 1.0f), 0.5f / 127.5f + 1e-6f);
}

TEST (Pixels, RefuseWhatWouldLeaveTheMemory)
{
  std::vector<float> picture (3 * 8 * 8);
  const FloatImage image = planar_image (picture.data (), 8, 8);
  Buffer good (PixelFormat::i420, 8, 8, 0);
  ImageView view = good.view;
  view.width = 16;
  EXPECT_ERROR (write_pixels (image, view), ErrorCode::failed, "size");
  view = good.view;
  view.plane[2] = nullptr;
  EXPECT_ERROR (write_pixels (image, view), ErrorCode::failed, "plane");
  view = good.view;
  view.stride[1] = 3;
  EXPECT_ERROR (write_pixels (image, view), ErrorCode::failed, "stride");
  view = good.view;
  view.device_memory = true;
  EXPECT_ERROR (write_pixels (image, view), ErrorCode::failed, "device");
  EXPECT_ERROR (read_pixels (good.view, image), ErrorCode::failed, "RGB");
}
