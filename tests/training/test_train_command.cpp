// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The command `train`, as it is typed: one file of footage, made here, becomes an avatar
// that draws what it has not seen.
#include <cmath>
#include <gst/gst.h>
#include <gtest/gtest.h>

#include "models/engine/torch_engine.h"
#include "models/io/bundle.h"
#include "models/studio/command.h"
#include "models/studio/dataset.h"
#include "models/studio/media.h"
#include "tests/models/expect_error.h"
#include "tests/models/footage.h"
#include "tests/models/temporary_folder.h"

using namespace daetalker;
using daetalker::test::TemporaryFolder;

namespace {

// Throws what the command throws.
void
run_command (const std::vector<std::string> &words)
{
  CLI::App app;
  add_train_command (app);
  // CLI11 takes them from the back.
  app.parse (std::vector<std::string> (words.rbegin (), words.rend ()));
}

// A head that sways and talks, with pauses, for 32 seconds.
void
make_talk (const std::string &path)
{
  const auto loudness = [] (int frame) {
    return frame % 100 < 15 ? 0.0 : std::pow (std::sin (frame * 0.4), 2);
  };
  const auto draw = [&] (int frame) {
    return test::draw_face (200, loudness (frame), {3 * std::sin (frame * 0.07), 0});
  };
  test::make_footage (path, 200, 800, draw, loudness);
}

const std::vector<std::string> consent = {
    "--consent-who",   "A drawn head", "--consent-when", "2026-01-31",
    "--consent-scope", "Tests",        "--source",       "Drawn by a test"};

std::vector<std::string>
with (std::vector<std::string> words, const std::vector<std::string> &more)
{
  words.insert (words.end (), more.begin (), more.end ());
  return words;
}

ImageView
view_of (cv::Mat &rgb)
{
  ImageView view;
  view.width = rgb.cols;
  view.height = rgb.rows;
  view.format = PixelFormat::rgb;
  view.plane[0] = rgb.data;
  view.stride[0] = 3 * rgb.cols;
  return view;
}

class TrainCommand : public testing::Test {
protected:
  static void SetUpTestSuite () { gst_init (nullptr, nullptr); }
  TemporaryFolder folder_;
  const std::string encoder_ = g_getenv ("DAETALKER_ENCODER");
};

} // namespace

TEST_F (TrainCommand, FootageBecomesAnAvatar)
{
  make_talk (folder_ / "talk.mkv");
  const std::string avatar = folder_ / "me";
  run_command (with ({"train", folder_ / "talk.mkv", "-o", avatar, "--encoder", encoder_,
                      "--minutes", "0.05", "--speech-minutes", "0.05", "--finish-minutes",
                      "0.02", "--batch", "2", "--augmentations", "0"},
                     consent));
  const Bundle bundle = read_bundle (avatar);
  EXPECT_EQ (bundle.info.name, "me");
  EXPECT_EQ (bundle.consent->who, "A drawn head");
  EXPECT_EQ (bundle.training.at ("held_out").size (), 1u);

  const std::string dataset = avatar + ".work/dataset";
  EXPECT_EQ (load_dataset_index (dataset).usable_pieces ().size (), 3u);
  const auto opened = torch_engine ().open_avatar (avatar, {"cpu", "float32", 0}, false);
  const auto encoder = opened->open_image_encoder ();
  const auto renderer = opened->open_renderer ();
  std::vector<float> latent (std::size_t (opened->info ().latent_size));
  double of_all = 0;
  int count = 0;
  read_media (
      dataset_clip_path (dataset, bundle.training.at ("held_out")[0]) + ".mkv",
      [&] (std::uint64_t frame, const cv::Mat &real) {
        if (frame % 50 != 0)
          return;
        cv::Mat picture = real.clone (), made (256, 256, CV_8UC3);
        encoder->encode (view_of (picture), latent.data ());
        renderer->render (latent.data (), 1, view_of (made));
        of_all += cv::PSNR (real, made);
        count++;
      },
      nullptr);
  ASSERT_GE (count, 5);
  EXPECT_GT (of_all / count, 35)
      << "dB, of what it has not seen; the mean picture has 27";
}

TEST_F (TrainCommand, WithoutConsentNothingBegins)
{
  EXPECT_ERROR (run_command ({"train", folder_.path (), "-o", folder_ / "me", "--encoder",
                              encoder_}),
                ErrorCode::no_consent, "--consent-who");
  EXPECT_EQ (folder_.entries (), 0u);
}

TEST_F (TrainCommand, SaysWhatIsMissing)
{
  EXPECT_ERROR (run_command (with ({"train", folder_ / "gone.mp4", "-o", folder_ / "me",
                                    "--encoder", encoder_},
                                   consent)),
                ErrorCode::not_found, "gone.mp4");
}

int
main (int argc, char **argv)
{
  testing::InitGoogleTest (&argc, argv);
  return RUN_ALL_TESTS ();
}
