// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The pictures that an avatar is measured beside.
#include "models/studio/clip_writer.h"
#include "models/studio/dataset.h"
#include "models/studio/evaluation/baselines.h"
#include "models/studio/evaluation/picture_quality.h"
#include "models/studio/evaluation/reencoded.h"
#include "tests/models/temporary_folder.h"

#include <filesystem>
#include <gst/gst.h>
#include <gtest/gtest.h>
#include <opencv2/imgproc.hpp>

using namespace daetalker;
using daetalker::test::TemporaryFolder;

namespace {

// A grey of its own for each frame of each clip.
cv::Mat
plain (int grey)
{
  return cv::Mat (256, 256, CV_8UC3, cv::Scalar::all (grey));
}

class Dataset {
public:
  Dataset ()
  {
    std::filesystem::create_directories (folder_ / "clips");
    DatasetIndex index;
    index.settings = nlohmann::json::object ();
    for (const int base : {0, 100}) {
      DatasetClip clip;
      clip.name = "c" + std::to_string (base);
      clip.frames = 10;
      clip.pieces = {{clip.name, 0, clip.frames}};
      index.clips.push_back (clip);
      ClipWriter writer (dataset_clip_path (path (), clip.name) + ".mkv", {});
      for (int i = 0; i < 10; ++i)
        writer.write (plain (base + 8 * i));
      writer.finish ();
    }
    save_dataset_index (path (), index);
  }

  std::string path () const { return folder_.path (); }

private:
  TemporaryFolder folder_;
};

int
grey_of (const cv::Mat &picture)
{
  return picture.at<cv::Vec3b> (0, 0)[0];
}

// A disc that goes round over a texture.
Pictures
moving ()
{
  cv::Mat texture (256, 256, CV_8UC3);
  cv::RNG random (7);
  random.fill (texture, cv::RNG::UNIFORM, 60, 200);
  cv::GaussianBlur (texture, texture, cv::Size (), 2);
  Pictures pictures;
  for (int i = 0; i < 25; ++i) {
    pictures.push_back (texture.clone ());
    const cv::Point centre (int (128 + 60 * std::cos (0.4 * i)),
                            int (128 + 60 * std::sin (0.4 * i)));
    cv::circle (pictures.back (), centre, 30, cv::Scalar (30, 200, 90), cv::FILLED);
  }
  return pictures;
}

double
mean_psnr (const Pictures &made, const Pictures &real)
{
  double sum = 0;
  for (std::size_t i = 0; i < real.size (); ++i)
    sum += psnr (made[i], real[i]);
  return sum / double (real.size ());
}

} // namespace

TEST (Baselines, MeanFrameIsTheMean)
{
  const Pictures mean = mean_frame ({plain (10), plain (20), plain (60)});
  ASSERT_EQ (mean.size (), 3u);
  for (const cv::Mat &picture : mean)
    EXPECT_EQ (grey_of (picture), 30);
}

TEST (Baselines, NearestFrameIsOfTheFootageNamed)
{
  const Dataset dataset;
  const Pictures wanted = {plain (0), plain (43), plain (125)};
  const auto nearest = [&] (const std::vector<std::string> &names, std::size_t count) {
    std::vector<int> greys;
    for (const cv::Mat &picture :
         FootageFrames (dataset.path (), names, count).nearest (wanted))
      greys.push_back (grey_of (picture));
    return greys;
  };
  EXPECT_EQ (nearest ({"c0", "c100"}, 100), (std::vector<int>{0, 40, 124}));
  EXPECT_EQ (nearest ({"c0"}, 100), (std::vector<int>{0, 40, 72}));
  // One of ten each.
  EXPECT_EQ (nearest ({"c0", "c100"}, 2), (std::vector<int>{72, 72, 172}));
  EXPECT_TRUE (FootageFrames (dataset.path (), {}, 5).empty ());
}

TEST (Reencoded, FewerBitsLeaveLess)
{
  const Pictures real = moving ();
  const Encoded good = through_video_encoder (real);
  const Encoded poor = through_video_encoder (real, 40);
  ASSERT_EQ (good.pictures.size (), real.size ());
  ASSERT_EQ (poor.pictures.size (), real.size ());
  EXPECT_LT (poor.bytes, good.bytes / 2);
  EXPECT_GT (mean_psnr (good.pictures, real), mean_psnr (poor.pictures, real) + 3);
}

TEST (Reencoded, TakesTheRateOfWhatWasMade)
{
  const Pictures real = moving ();
  const Encoded still = reencoded (real, Pictures (real.size (), real[0]));
  const Encoded same = reencoded (real, real);
  EXPECT_LT (still.bytes, same.bytes);
  EXPECT_LT (mean_psnr (still.pictures, real), mean_psnr (same.pictures, real));
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  testing::InitGoogleTest (&argc, argv);
  return RUN_ALL_TESTS ();
}
