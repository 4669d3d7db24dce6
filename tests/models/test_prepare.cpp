// SPDX-License-Identifier: LGPL-2.1-or-later
//
// `daetalker prepare` on footage made here.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <opencv2/core/mat.hpp>
#include <utility>

#include "models/io/safetensors.h"
#include "models/studio/clip_writer.h"
#include "models/studio/dataset.h"
#include "models/studio/media.h"
#include "models/studio/prepare.h"
#include "tests/models/expect_error.h"
#include "tests/models/footage.h"
#include "tests/models/temporary_folder.h"

using namespace daetalker;
using namespace daetalker::test;
namespace fs = std::filesystem;

namespace {

constexpr int frames = 50;

// Irregular, so that only one lag fits.
double
syllables (int frame)
{
  return std::pow (std::sin (frame * 0.4 + 2 * std::sin (frame * 0.13)), 2);
}

void
make_talking_face (const std::string &path, double sway = 6)
{
  const auto draw = [sway] (int frame) {
    return draw_face (400, syllables (frame), {sway * std::sin (frame * 0.1), 0});
  };
  make_footage (path, 400, frames, draw, syllables);
}

PrepareOptions
options_for (const std::vector<std::string> &footage, const TemporaryFolder &folder)
{
  PrepareOptions options;
  options.footage = footage;
  options.output = folder / "dataset";
  options.jobs = 2;
  return options;
}

MediaInfo
count_frames (const std::string &path, std::vector<std::int16_t> *speech = nullptr)
{
  return read_media (
      path, [] (std::uint64_t, const cv::Mat &) {}, speech);
}

class Prepare : public testing::Test {
protected:
  static void SetUpTestSuite () { gst_init (nullptr, nullptr); }
  TemporaryFolder folder_;
};

} // namespace

TEST_F (Prepare, ReadsAnyRateAsTwentyFive)
{
  const std::string path = folder_ / "thirty.mkv";
  make_media (
      "videotestsrc num-buffers=60 ! video/x-raw,width=320,height=240,framerate=30/1 ! "
      "avenc_ffv1 ! matroskamux name=m ! filesink location=" +
      path +
      " audiotestsrc num-buffers=96 samplesperbuffer=1000 ! "
      "audio/x-raw,rate=48000,channels=2 ! flacenc ! m.");
  std::vector<std::int16_t> speech;
  const MediaInfo info = count_frames (path, &speech);
  EXPECT_EQ (info.frames, 50u);
  EXPECT_EQ (speech.size (), 50u * samples_per_frame);
  EXPECT_EQ (info.native_fps.num, 30);
  EXPECT_EQ (info.dropped, 10u);
  EXPECT_EQ (info.width, 320);
}

TEST_F (Prepare, MakesPixelsSquare)
{
  const std::string path = folder_ / "wide.mkv";
  make_media (
      "videotestsrc num-buffers=5 ! video/x-raw,width=320,height=240,framerate=25/1,"
      "pixel-aspect-ratio=2/1 ! avenc_ffv1 ! matroskamux ! filesink location=" +
      path);
  const MediaInfo info = count_frames (path);
  EXPECT_NEAR (double (info.width) / info.height, 8.0 / 3, 0.02);
}

TEST_F (Prepare, SoundStartsWithThePicture)
{
  // Sound from 0 s on, one tick in it; pictures from `start` milliseconds on.
  const auto find_tick = [this] (int start) {
    const std::string path = folder_ / (std::to_string (start) + ".mkv");
    make_media ("videotestsrc num-buffers=35 timestamp-offset=" +
                std::to_string (start * GST_MSECOND) +
                " ! video/x-raw,width=64,height=64,framerate=25/1 ! avenc_ffv1 ! "
                "matroskamux name=m ! filesink location=" +
                path +
                " audiotestsrc num-buffers=60 samplesperbuffer=640 wave=ticks ! "
                "audio/x-raw,rate=16000,channels=1 ! flacenc ! queue ! m.");
    std::vector<std::int16_t> speech;
    EXPECT_EQ (count_frames (path, &speech).frames, 35u);
    EXPECT_EQ (speech.size (), 35u * samples_per_frame);
    return std::find_if (speech.begin (), speech.end (),
                         [] (int sample) { return std::abs (sample) > 3000; }) -
           speech.begin ();
  };
  EXPECT_NEAR (find_tick (0) - find_tick (520), 0.52 * dataset_sample_rate, 16);
}

TEST_F (Prepare, RefusesWhatIsNoFootage)
{
  EXPECT_ERROR (count_frames (folder_ / "none.mp4"), ErrorCode::not_found,
                "no such file");
  EXPECT_ERROR (count_frames (folder_.path ()), ErrorCode::unreadable, "it is a folder");
  write_text (folder_ / "notes.txt",
              "not a film, only words, many words, enough words\n");
  EXPECT_ERROR (count_frames (folder_ / "notes.txt"), ErrorCode::unreadable, "notes.txt");
  write_text (folder_ / "empty.mp4", "");
  EXPECT_ERROR (count_frames (folder_ / "empty.mp4"), ErrorCode::unreadable, "empty.mp4");
  make_media ("audiotestsrc num-buffers=20 ! wavenc ! filesink location=" +
              folder_ / "a.wav");
  EXPECT_ERROR (count_frames (folder_ / "a.wav"), ErrorCode::wrong_model, "no video");
}

TEST_F (Prepare, AnExceptionOfTheHandlerEndsTheDecoding)
{
  make_talking_face (folder_ / "face.mkv");
  EXPECT_THROW (read_media (
                    folder_ / "face.mkv",
                    [] (std::uint64_t index, const cv::Mat &) {
                      if (index == 3)
                        throw std::logic_error ("enough");
                    },
                    nullptr),
                std::logic_error);
}

TEST_F (Prepare, ClipsAreLossless)
{
  const std::string path = folder_ / "clip.mkv";
  std::vector<std::int16_t> speech (4 * samples_per_frame);
  for (std::size_t i = 0; i < speech.size (); ++i)
    speech[i] = std::int16_t (i * 7919);
  std::vector<cv::Mat> pictures;
  {
    ClipWriter writer (path, speech);
    for (int i = 0; i < 4; ++i) {
      cv::Mat picture (256, 256, CV_8UC3);
      cv::randu (picture, 0, 256);
      pictures.push_back (picture);
      writer.write (picture);
    }
    EXPECT_FALSE (fs::exists (path)) << "not before it is complete";
    writer.finish ();
  }
  std::vector<std::int16_t> heard;
  const auto compare = [&] (std::uint64_t index, const cv::Mat &rgb) {
    EXPECT_EQ (cv::norm (rgb, pictures.at (index), cv::NORM_INF), 0) << index;
  };
  EXPECT_EQ (read_media (path, compare, &heard).frames, 4u);
  EXPECT_EQ (heard, speech);
}

TEST_F (Prepare, AnAbandonedClipLeavesNothing)
{
  {
    ClipWriter writer (folder_ / "clip.mkv", {});
    writer.write (cv::Mat::zeros (256, 256, CV_8UC3));
  }
  EXPECT_EQ (folder_.entries (), 0u);
}

TEST_F (Prepare, MakesADatasetOfATalkingFace)
{
  make_talking_face (folder_ / "face.mkv");
  const PrepareOptions options = options_for ({folder_ / "face.mkv"}, folder_);
  prepare_dataset (options);

  const DatasetIndex index = load_dataset_index (options.output);
  ASSERT_EQ (index.clips.size (), 1u);
  const DatasetClip &clip = index.clips[0];
  ASSERT_EQ (clip.pieces.size (), 1u);
  EXPECT_EQ (clip.pieces[0].name, "face");
  EXPECT_TRUE (clip.refused.empty ());
  EXPECT_EQ (clip.frames, std::uint64_t (frames));
  EXPECT_EQ (clip.samples, std::uint64_t (frames * samples_per_frame));
  EXPECT_EQ (clip.crop.width, clip.crop.height);
  const auto lag = best_lag (clip.measures->av_correlation);
  ASSERT_TRUE (lag);
  EXPECT_NEAR (*lag, 0, 1) << "the mouth opens when it is loud";

  const std::string path = dataset_clip_path (options.output, "face");
  std::vector<std::int16_t> speech;
  const MediaInfo video = count_frames (path + ".mkv", &speech);
  EXPECT_EQ (video.width, 256);
  EXPECT_EQ (video.frames, std::uint64_t (frames));
  EXPECT_EQ (speech.size (), std::size_t (frames * samples_per_frame));

  const SafetensorsFile tensors (path + ".safetensors");
  using Shape = std::vector<std::int64_t>;
  EXPECT_EQ (tensors.find ("landmarks")->shape, (Shape{frames, 68, 2}));
  EXPECT_EQ (tensors.find ("pose")->shape, (Shape{frames, 3}));
  EXPECT_EQ (tensors.find ("box")->shape, (Shape{frames, 4}));
  EXPECT_EQ (tensors.find ("faces")->shape, (Shape{frames}));
  const auto *landmarks =
      reinterpret_cast<const float *> (tensors.find ("landmarks")->data);
  for (int i = 0; i < frames * 68 * 2; ++i)
    EXPECT_TRUE (landmarks[i] > 0 && landmarks[i] < 256);
  EXPECT_TRUE (fs::exists (options.output + "/report.html"));
  EXPECT_TRUE (fs::exists (options.output + "/report/face.jpg"));
}

// Nothing is lost and nothing comes twice where footage is cut.
TEST_F (Prepare, LongFootageIsCutIntoPieces)
{
  make_talking_face (folder_ / "a@b.mkv");
  PrepareOptions whole = options_for ({folder_ / "a@b.mkv"}, folder_), cut = whole;
  whole.output = folder_ / "whole";
  cut.piece_seconds = 0.5;
  prepare_dataset (whole);
  prepare_dataset (cut);

  const DatasetIndex index = load_dataset_index (cut.output);
  const std::vector<DatasetPiece> pieces = index.clips.at (0).pieces;
  ASSERT_EQ (pieces.size (), 4u);
  EXPECT_EQ (pieces[3].name, "a-b@004");
  std::vector<cv::Mat> pictures;
  std::vector<std::int16_t> speech;
  std::vector<float> landmarks;
  const auto read = [&] (const PrepareOptions &options, const std::string &name) {
    const std::string path = dataset_clip_path (options.output, name);
    std::vector<std::int16_t> heard;
    const MediaInfo info = read_media (
        path + ".mkv",
        [&] (std::uint64_t, const cv::Mat &rgb) { pictures.push_back (rgb.clone ()); },
        &heard);
    speech.insert (speech.end (), heard.begin (), heard.end ());
    const SafetensorsFile tensors (path + ".safetensors");
    const auto *values =
        reinterpret_cast<const float *> (tensors.find ("landmarks")->data);
    landmarks.insert (landmarks.end (), values, values + info.frames * 68 * 2);
    EXPECT_EQ (tensors.find ("faces")->shape,
               std::vector<std::int64_t>{std::int64_t (info.frames)});
    return info.frames;
  };
  read (whole, "a-b");
  const auto pictures_of_whole = std::exchange (pictures, {});
  const auto speech_of_whole = std::exchange (speech, {});
  const auto landmarks_of_whole = std::exchange (landmarks, {});
  for (const DatasetPiece &piece : pieces) {
    EXPECT_EQ (piece.first, pictures.size ());
    EXPECT_EQ (read (cut, piece.name), piece.frames);
  }
  ASSERT_EQ (pictures.size (), std::size_t (frames));
  for (int i = 0; i < frames; ++i)
    EXPECT_EQ (cv::norm (pictures[i], pictures_of_whole[i], cv::NORM_INF), 0) << i;
  EXPECT_EQ (speech, speech_of_whole);
  EXPECT_EQ (landmarks, landmarks_of_whole);

  fs::remove (dataset_clip_path (cut.output, "a-b@002") + ".safetensors");
  prepare_dataset (cut);
  EXPECT_TRUE (fs::exists (dataset_clip_path (cut.output, "a-b@002") + ".safetensors"))
      << "what is lost is made again";
}

// Four seconds of the face, two of nobody, three of the face, and three by a camera that
// is nearer.
TEST_F (Prepare, AnInterruptionIsLeftOut)
{
  const auto draw = [] (int frame) {
    const double opening = syllables (frame);
    if (frame >= 100 && frame < 150)
      return cv::Mat (400, 400, CV_8UC3, cv::Scalar (90, 110, 150));
    if (frame < 225)
      return draw_face (400, opening, {6 * std::sin (frame * 0.1), 0});
    return cv::Mat (draw_face (560, opening), cv::Rect (80, 80, 400, 400)).clone ();
  };
  make_footage (folder_ / "talk.mkv", 400, 300, draw, syllables);
  const PrepareOptions options = options_for ({folder_ / "talk.mkv"}, folder_);
  prepare_dataset (options);

  const DatasetClip clip = load_dataset_index (options.output).clips.at (0);
  EXPECT_TRUE (clip.refused.empty ()) << clip.refused[0];
  ASSERT_FALSE (clip.notes.empty ());
  EXPECT_NE (clip.notes[0].find ("(no face)"), std::string::npos) << clip.notes[0];
  EXPECT_NE (clip.notes[0].find ("9.0 to 12.0 s (other framing or light)"),
             std::string::npos)
      << clip.notes[0];
  EXPECT_EQ (clip.measures->without_face, 0) << "it is of what is used";
  ASSERT_EQ (clip.pieces.size (), 2u);
  const DatasetPiece &first = clip.pieces[0], &second = clip.pieces[1];
  EXPECT_EQ (first.first, 0u);
  EXPECT_NEAR (double (first.frames), 100, 8);
  EXPECT_NEAR (double (second.first), 150, 8);
  EXPECT_EQ (second.first + second.frames, 225u);

  // What was written is the face, at its place in the picture and in the sound.
  const std::string path = dataset_clip_path (options.output, second.name);
  std::vector<std::int16_t> speech, all;
  EXPECT_EQ (count_frames (path + ".mkv", &speech).frames, second.frames);
  count_frames (folder_ / "talk.mkv", &all);
  ASSERT_EQ (speech.size (), second.frames * samples_per_frame);
  EXPECT_TRUE (
      std::equal (speech.begin (), speech.end (),
                  all.begin () + std::ptrdiff_t (second.first * samples_per_frame)));
  const SafetensorsFile tensors (path + ".safetensors");
  const auto *faces =
      reinterpret_cast<const std::uint8_t *> (tensors.find ("faces")->data);
  EXPECT_TRUE (std::all_of (faces, faces + second.frames,
                            [] (std::uint8_t count) { return count == 1; }));
}

TEST_F (Prepare, FinishedClipsAreNotMadeAgain)
{
  make_talking_face (folder_ / "one.mkv");
  const PrepareOptions first = options_for ({folder_ / "one.mkv"}, folder_);
  prepare_dataset (first);
  const std::string clip = dataset_clip_path (first.output, "one") + ".mkv";
  const auto written = fs::last_write_time (clip);

  // Known by its content under another name; the second one is new.
  fs::rename (folder_ / "one.mkv", folder_ / "moved.mkv");
  make_talking_face (folder_ / "two.mkv", 3);
  prepare_dataset (options_for ({folder_ / "moved.mkv", folder_ / "two.mkv"}, folder_));
  const DatasetIndex index = load_dataset_index (first.output);
  ASSERT_EQ (index.clips.size (), 2u);
  EXPECT_EQ (index.clips[0].name, "one");
  EXPECT_EQ (index.clips[1].name, "two");
  EXPECT_EQ (fs::last_write_time (clip), written);

  fs::remove (clip);
  prepare_dataset (options_for ({folder_ / "moved.mkv"}, folder_));
  EXPECT_TRUE (fs::exists (clip)) << "what is lost is made again";
}

TEST_F (Prepare, OtherSettingsNeedAnotherFolder)
{
  make_talking_face (folder_ / "one.mkv");
  PrepareOptions options = options_for ({folder_ / "one.mkv"}, folder_);
  prepare_dataset (options);
  options.inspect.crop_scale = 2.5;
  EXPECT_ERROR (prepare_dataset (options), ErrorCode::wrong_model, "other settings");
}

TEST_F (Prepare, BadFootageIsRefusedAndTheRestGoesOn)
{
  fs::create_directory (folder_ / "in");
  make_talking_face (folder_ / "in/good.mkv");
  make_footage (
      folder_ / "in/mute.mkv", 400, frames, [] (int) { return draw_face (400, 0); },
      nullptr);
  make_footage (
      folder_ / "in/nobody.mkv", 400, frames,
      [] (int) { return cv::Mat (400, 400, CV_8UC3, cv::Scalar (90, 110, 150)); },
      syllables);
  // A transcript beside its clip; and a text that was named as footage.
  write_text (folder_ / "in/good.txt", "words and words and words and words and words\n");
  write_text (folder_ / "notes.txt", "words and words and words and words and words\n");
  prepare_dataset (options_for ({folder_ / "in", folder_ / "notes.txt"}, folder_));

  DatasetIndex index = load_dataset_index (folder_ / "dataset");
  const auto refusal = [&index] (const std::string &name) {
    const DatasetClip *clip = index.find_name (name);
    return clip && !clip->refused.empty () ? clip->refused.front () : "";
  };
  EXPECT_EQ (index.clips.size (), 4u);
  EXPECT_EQ (index.usable_pieces (), std::vector<std::string>{"good"});
  EXPECT_NE (refusal ("mute").find ("no sound"), std::string::npos);
  EXPECT_NE (refusal ("nobody").find ("no face"), std::string::npos);
  EXPECT_NE (refusal ("notes").find ("notes.txt"), std::string::npos);
  EXPECT_FALSE (fs::exists (dataset_clip_path (folder_ / "dataset", "mute") + ".mkv"));
  const std::string report = read_text (folder_ / "dataset/report.html");
  EXPECT_NE (report.find ("refused: it has no sound"), std::string::npos);
}

TEST_F (Prepare, NothingUsableIsAnError)
{
  write_text (folder_ / "notes.txt", "words and words and words and words and words\n");
  EXPECT_ERROR (prepare_dataset (options_for ({folder_ / "notes.txt"}, folder_)),
                ErrorCode::wrong_model, "none of the footage can be used");
  EXPECT_ERROR (prepare_dataset (options_for ({folder_ / "gone.mp4"}, folder_)),
                ErrorCode::not_found, "gone.mp4");
}

TEST_F (Prepare, PosesCanBeGiven)
{
  make_talking_face (folder_ / "face.mkv");
  std::string csv = "clip,frame,yaw,pitch,roll\n";
  for (int i = 0; i < frames; ++i)
    csv += "face," + std::to_string (i) + "," + std::to_string (i) + ",2,-3\n";
  write_text (folder_ / "poses.csv", csv);
  PrepareOptions options = options_for ({folder_ / "face.mkv"}, folder_);
  options.poses = folder_ / "poses.csv";
  prepare_dataset (options);
  const SafetensorsFile tensors (dataset_clip_path (options.output, "face") +
                                 ".safetensors");
  const auto *pose = reinterpret_cast<const float *> (tensors.find ("pose")->data);
  EXPECT_EQ (pose[3 * 7], 7);
  EXPECT_EQ (pose[3 * 7 + 2], -3);

  options.output = folder_ / "cut";
  options.piece_seconds = 1;
  prepare_dataset (options);
  const DatasetIndex index = load_dataset_index (options.output);
  const DatasetPiece *second = index.find_piece ("face@002");
  ASSERT_NE (second, nullptr);
  const SafetensorsFile later (dataset_clip_path (options.output, "face@002") +
                               ".safetensors");
  EXPECT_EQ (*reinterpret_cast<const float *> (later.find ("pose")->data),
             float (second->first));
}
