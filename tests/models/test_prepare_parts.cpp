// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The arithmetic of `daetalker prepare`: crop rule, head pose, measures, verdicts.
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <random>

#include "models/studio/crop.h"
#include "models/studio/face_track.h"
#include "models/studio/head_pose.h"
#include "models/studio/measures.h"
#include "models/studio/media.h"
#include "models/studio/pieces.h"
#include "models/studio/pose_table.h"
#include "models/studio/render.h"
#include "models/studio/shots.h"
#include "models/studio/spans.h"
#include "models/studio/verdict.h"
#include "tests/models/expect_error.h"
#include "tests/models/temporary_folder.h"

using namespace daetalker;

namespace {

// Good footage in every respect.
ClipMeasures
good_clip ()
{
  ClipMeasures clip;
  clip.seconds = 60;
  clip.spans = {{0, 1500, Flaw::none}};
  clip.native_fps = 25;
  clip.face_width = 125;
  clip.has_sound = true;
  clip.silence = 0.3;
  clip.snr_db = 40;
  clip.look.assign (48, 100);
  clip.av_correlation.assign (2 * av_lags + 1, 0.1);
  clip.av_correlation[av_lags] = 0.6;
  return clip;
}

std::string
first_refusal (const ClipMeasures &clip, const Thresholds &limits = {},
               const std::vector<double> &look = {})
{
  const Verdict verdict = judge (clip, limits, look);
  return verdict.refused.empty () ? "" : verdict.refused.front ();
}

cv::Mat
texture (int width, int height)
{
  cv::Mat noise (height, width, CV_8UC1);
  cv::RNG random (7);
  random.fill (noise, cv::RNG::UNIFORM, 0, 256);
  cv::GaussianBlur (noise, noise, {}, 2);
  cv::normalize (noise, noise, 0, 255, cv::NORM_MINMAX);
  return noise;
}

} // namespace

// ---- pieces ------------------------------------------------------------------

TEST (Pieces, ShortFootageIsOne)
{
  const auto pieces = cut_into_pieces ("talk", {{0, 349, Flaw::none}}, {}, 10);
  ASSERT_EQ (pieces.size (), 1u);
  EXPECT_EQ (pieces[0].name, "talk");
  EXPECT_EQ (pieces[0].frames, 349u);
}

TEST (Pieces, AreEvenWhereNothingIsHeard)
{
  const auto pieces = cut_into_pieces ("talk", {{0, 1001, Flaw::none}}, {}, 10);
  ASSERT_EQ (pieces.size (), 4u);
  EXPECT_EQ (pieces[0].name, "talk@001");
  EXPECT_EQ (pieces[2].first, 500u);
  EXPECT_EQ (pieces[3].first + pieces[3].frames, 1001u);
}

TEST (Pieces, AreCutInPauses)
{
  // Loud, but for 200 ms each around the frames 230 and 541 (marks: 250, 500).
  std::vector<std::int16_t> speech (750 * samples_per_frame, 5000);
  for (const int frame : {230, 541})
    std::fill_n (speech.begin () + (frame - 2) * samples_per_frame, 5 * samples_per_frame,
                 std::int16_t (10));
  const auto pieces = cut_into_pieces ("talk", {{0, 750, Flaw::none}}, speech, 10);
  ASSERT_EQ (pieces.size (), 3u);
  EXPECT_EQ (pieces[1].first, 230u);
  EXPECT_EQ (pieces[2].first, 541u);
  EXPECT_EQ (pieces[1].frames, 541u - 230u);
}

TEST (Pieces, AreOfWhatCanBeUsed)
{
  const std::vector<Span> spans = {{0, 100, Flaw::none},
                                   {100, 60, Flaw::no_face},
                                   {160, 500, Flaw::none},
                                   {660, 40, Flaw::too_short}};
  const auto pieces = cut_into_pieces ("talk", spans, {}, 10);
  ASSERT_EQ (pieces.size (), 3u);
  EXPECT_EQ (pieces[0].frames, 100u);
  EXPECT_EQ (pieces[1].first, 160u);
  EXPECT_EQ (pieces[2].name, "talk@003");
  EXPECT_EQ (pieces[2].first, 410u);
  EXPECT_EQ (pieces[2].first + pieces[2].frames, 660u);
}

// ---- spans and shots -----------------------------------------------------------

namespace {

std::vector<Flaw>
flaws_of (std::initializer_list<std::pair<std::size_t, Flaw>> runs)
{
  std::vector<Flaw> flaws;
  for (const auto &[frames, flaw] : runs)
    flaws.insert (flaws.end (), frames, flaw);
  return flaws;
}

std::string
described (const std::vector<Span> &spans)
{
  std::string text;
  std::uint64_t next = 0;
  for (const Span &span : spans) {
    EXPECT_EQ (span.first, next) << "there is a gap";
    next += span.frames;
    const nlohmann::json flaw = span.flaw;
    text += std::to_string (span.frames) + ' ' +
            (flaw.is_null () ? "good" : flaw.get<std::string> ()) + ", ";
  }
  return text;
}

} // namespace

TEST (Spans, ALapseOfTheDetectorDividesNothing)
{
  const auto flaws = flaws_of ({{80, Flaw::none},
                                {12, Flaw::no_face},
                                {12, Flaw::several_faces},
                                {9, Flaw::none}});
  EXPECT_EQ (described (divide (flaws, {})), "113 good, ");
  EXPECT_EQ (described (divide (flaws_of ({{30, Flaw::none}}), {})), "30 good, ")
      << "what is not divided may be short";
}

TEST (Spans, WhatLastsIsLeftOutWithItsSurroundings)
{
  const auto flaws = flaws_of ({{100, Flaw::none},
                                {20, Flaw::outside},
                                {10, Flaw::no_face},
                                {100, Flaw::none},
                                {25, Flaw::several_faces}});
  EXPECT_EQ (described (divide (flaws, {})),
             "95 good, 25 the head leaves the picture, 15 no face, 90 good, 30 several "
             "faces, ");
}

TEST (Spans, EndAtCuts)
{
  EXPECT_EQ (described (divide (std::vector<Flaw> (300, Flaw::none), {100, 149, 250})),
             "100 good, 49 less than two seconds, 101 good, 50 good, ");
  // However short it is, another camera's shot is no lapse of the detector.
  EXPECT_EQ (described (divide (
                 flaws_of ({{60, Flaw::none}, {3, Flaw::other_shot}, {60, Flaw::none}}),
                 {60, 63})),
             "60 good, 3 other framing or light, 60 good, ");
}

TEST (Shots, ThoseLikeMostOfTheFootageAreUsed)
{
  const std::vector<double> day (48, 120), dusk (48, 90);
  const cv::Rect2d near (100, 100, 150, 150), far (130, 120, 100, 100);
  const std::vector<Shot> shots = {{100, near, day},
                                   {300, far, day},
                                   {90, {110, 104, 140, 140}, day}, // leans back
                                   {250, near, day},
                                   {200, near, dusk},
                                   {80, {}, day}, // nobody
                                   {70, {190, 100, 150, 150}, day}};
  EXPECT_EQ (like_most (shots),
             (std::vector<bool>{true, false, true, true, false, false, false}))
      << "no shot is longer than the second, but those alike are together";
  EXPECT_EQ (like_most ({{50, {}, day}}), std::vector<bool>{false});
}

// ---- crop --------------------------------------------------------------------

TEST (Crop, IsASquareOfTheScaleAroundTheRaisedFace)
{
  const cv::Rect crop = crop_square ({600, 400, 200, 200}, {1920, 1080}, 1.8);
  EXPECT_EQ (crop.size (), cv::Size (360, 360));
  EXPECT_EQ (crop.x + crop.width / 2, 700);
  EXPECT_LT (crop.y + crop.height / 2, 500);
  EXPECT_LT (crop.y, 400 - 40) << "room for the hair";
  EXPECT_GT (crop.br ().y, 600) << "room for the chin";
}

TEST (Crop, StaysInsideThePicture)
{
  const cv::Size picture (360, 288);
  const cv::Rect whole ({0, 0}, picture);
  for (const cv::Rect2d &face :
       {cv::Rect2d (-20, -20, 120, 120), cv::Rect2d (280, 200, 120, 120),
        cv::Rect2d (0, 0, 300, 300), cv::Rect2d (100, 100, 64, 64)}) {
    const cv::Rect crop = crop_square (face, picture, 1.85);
    EXPECT_EQ (crop & whole, crop);
    EXPECT_EQ (crop.width, crop.height);
    EXPECT_LE (crop.width, 288);
  }
}

TEST (Crop, MedianBoxIgnoresAnOutlier)
{
  EXPECT_EQ (median_box ({{10, 20, 30, 30}, {11, 21, 31, 31}, {500, 0, 9, 9}}),
             cv::Rect2d (11, 20, 30, 30));
}

TEST (FaceTrack, InterpolatesAcrossAMissedFrame)
{
  FaceTrack track;
  track.add ({0, 1, {0, 0, 100, 100}});
  track.add ({5, 0, {}});
  track.add ({10, 2, {20, 40, 100, 100}});
  EXPECT_EQ (track.box_at (5), cv::Rect2d (10, 20, 100, 100));
  EXPECT_EQ (track.box_at (99), cv::Rect2d (20, 40, 100, 100));
  EXPECT_EQ (track.faces_at (4), 0);
  EXPECT_EQ (track.faces_at (9), 2);
}

TEST (HeadPose, ComesBackWithinADegree)
{
  for (const float yaw : {-35.f, -10.f, 0.f, 20.f, 40.f})
    for (const float pitch : {-20.f, -5.f, 0.f, 15.f, 25.f})
      for (const float roll : {-20.f, 0.f, 10.f}) {
        const Pose pose = {yaw, pitch, roll};
        const Pose found = head_pose (project_head (pose, {0.01, -0.02, 1.1}, 256), 256);
        for (int i = 0; i < 3; ++i)
          EXPECT_NEAR (found[i], pose[i], 1) << yaw << " " << pitch << " " << roll;
      }
}

TEST (HeadPose, NoiseOfAFifthOfAPixelCostsLessThanThreeDegrees)
{
  std::mt19937 random (1);
  std::normal_distribution<float> noise (0, 0.2f);
  const Pose pose = {12, -6, 3};
  for (int trial = 0; trial < 200; ++trial) {
    Landmarks landmarks = project_head (pose, {0, 0, 1}, 256);
    for (cv::Point2f &point : landmarks)
      point += cv::Point2f (noise (random), noise (random));
    const Pose found = head_pose (landmarks, 256);
    for (int i = 0; i < 3; ++i)
      EXPECT_NEAR (found[i], pose[i], 3);
  }
}

TEST (HeadPose, SignsAreThoseOfTheEngine)
{
  const cv::Point3d position (0, 0, 1);
  const auto nose = [&] (const Pose &pose) {
    const Landmarks landmarks = project_head (pose, position, 256);
    return landmarks[30] - landmarks[27];
  };
  const cv::Point2f rest = nose ({0, 0, 0});
  EXPECT_GT (nose ({20, 0, 0}).x, rest.x) << "the person's left is the picture's right";
  EXPECT_LT (nose ({0, 20, 0}).y, rest.y) << "up";
  EXPECT_LT (nose ({0, 0, 20}).x, rest.x) << "clockwise moves what is below to the left";
}

TEST (PoseTable, ReadsColumnsByName)
{
  test::TemporaryFolder folder;
  const std::string path = folder / "poses.csv";
  test::write_text (path, "roll,clip,frame,yaw,pitch,extra\n3,a,0,1,2,x\n6,a,1,4,5,x\n"
                          "9,b,0,7,8,x\n");
  const PoseTable table (path);
  ASSERT_NE (table.find ("a", 2), nullptr);
  EXPECT_EQ ((*table.find ("a", 2))[1], (Pose{4, 5, 6}));
  EXPECT_EQ (table.find ("c", 1), nullptr);
  EXPECT_ERROR (table.find ("b", 5), ErrorCode::wrong_model, "5 frames and 1 poses");
}

TEST (PoseTable, NamesTheBadLine)
{
  test::TemporaryFolder folder;
  const std::string path = folder / "poses.csv";
  test::write_text (path, "clip,frame,yaw,pitch,roll\na,0,1,2,3\na,1,1,high,3\n");
  EXPECT_ERROR (PoseTable{path}, ErrorCode::corrupt, "line 3: \"high\" is not a number");
  test::write_text (path, "clip,frame,yaw,pitch\n");
  EXPECT_ERROR (PoseTable{path}, ErrorCode::corrupt, "the column roll is missing");
  test::write_text (path, "clip,frame,yaw,pitch,roll\na,1,1,2,3\n");
  EXPECT_ERROR (PoseTable{path}, ErrorCode::corrupt, "frame 0 was expected");
  test::write_text (path, "");
  EXPECT_ERROR (PoseTable{path}, ErrorCode::corrupt, "empty");
}

TEST (Measures, SilenceClippingAndNoise)
{
  std::vector<std::int16_t> speech (100 * 640);
  for (std::size_t i = 0; i < speech.size (); ++i) {
    const double gain = i < speech.size () / 4 ? 20 : 10000;
    speech[i] = std::int16_t (gain * std::sin (i * 0.3));
  }
  speech[60000] = 32767;
  ClipMeasures measures;
  measure_speech (speech, measures);
  EXPECT_DOUBLE_EQ (measures.silence, 0.25);
  EXPECT_DOUBLE_EQ (measures.clipping, 1.0 / speech.size ());
  EXPECT_NEAR (measures.snr_db, 20 * std::log10 (500), 1.5);
}

TEST (Measures, LagIsPositiveWhenThePictureIsLate)
{
  std::mt19937 random (3);
  std::normal_distribution<double> noise;
  std::vector<double> level (300), mouth (300);
  for (double &value : level)
    value = noise (random);
  for (int lag : {-5, 0, 4}) {
    for (int t = 0; t < 300; ++t)
      mouth[t] = t - lag >= 0 && t - lag < 300 ? level[t - lag] : 0;
    const auto found = best_lag (correlate_lags (mouth, level));
    ASSERT_TRUE (found);
    EXPECT_NEAR (*found, lag, 0.3);
  }
  EXPECT_TRUE (correlate_lags (std::vector<double> (300, 1), level).empty ());
  EXPECT_FALSE (best_lag ({}));
}

TEST (Measures, CutsAreFoundAndMotionIsNone)
{
  CutDetector detector;
  const cv::Mat background = texture (320, 240);
  for (int t = 0; t < 60; ++t) {
    cv::Mat picture = background.clone ();
    if (t >= 40)
      cv::flip (background, picture, 1);
    cv::circle (picture, {160 + t, 120}, 40, 255, cv::FILLED);
    detector.add (picture);
  }
  EXPECT_EQ (detector.cuts (), std::vector<std::size_t>{40});
  EXPECT_EQ (detector.frozen (), 0);
}

TEST (Measures, FrozenPicturesAreCounted)
{
  CutDetector detector;
  const cv::Mat picture = texture (320, 240);
  for (int t = 0; t < 5; ++t)
    detector.add (picture);
  EXPECT_EQ (detector.frozen (), 1);
}

TEST (Measures, CameraMotionIsSeenInTheBackground)
{
  const cv::Mat scene = texture (500, 400);
  const cv::Rect2d face (120, 90, 80, 80);
  for (const int speed : {0, 1, 2}) {
    CameraMotion motion;
    for (int t = 0; t < 20; ++t) {
      cv::Mat picture = scene (cv::Rect (40 + speed * t, 40, 320, 240)).clone ();
      // A head that moves on its own.
      cv::ellipse (picture, {160 + t, 130}, {40, 60}, 0, 0, 360, 180, cv::FILLED);
      motion.add (picture, face);
    }
    const auto shift = motion.largest_shift ();
    ASSERT_TRUE (shift) << speed;
    EXPECT_NEAR (*shift, 19 * speed, 1) << speed;
  }
}

TEST (Measures, APlainBackgroundTellsNothingOfTheCamera)
{
  CameraMotion motion;
  cv::RNG random (5);
  for (int t = 0; t < 10; ++t) {
    cv::Mat picture (240, 320, CV_8UC1);
    random.fill (picture, cv::RNG::NORMAL, 120, 2);
    motion.add (picture, {120, 90, 80, 80});
  }
  EXPECT_FALSE (motion.largest_shift ());
}

TEST (Measures, SurviveTheIndex)
{
  ClipMeasures clip = good_clip ();
  clip.spans = {{0, 1000, Flaw::none}, {1000, 500, Flaw::other_shot}};
  clip.camera_shift = 0.02;
  const nlohmann::json json = clip;
  const auto back = nlohmann::json::parse (json.dump ()).get<ClipMeasures> ();
  EXPECT_EQ (nlohmann::json (back), json);
  clip.camera_shift.reset ();
  EXPECT_FALSE (nlohmann::json (clip).get<ClipMeasures> ().camera_shift);
}

TEST (Verdict, GoodFootageIsUsedWithoutANote)
{
  const Verdict verdict = judge (good_clip (), {}, std::vector<double> (48, 104));
  EXPECT_TRUE (verdict.refused.empty ());
  EXPECT_TRUE (verdict.notes.empty ());
}

TEST (Verdict, SaysWhatIsLeftOut)
{
  ClipMeasures clip = good_clip ();
  clip.spans = {{0, 1100, Flaw::none}};
  for (std::uint64_t i = 0; i < 7; ++i)
    clip.spans.push_back ({1100 + 50 * i, 50, i % 2 ? Flaw::none : Flaw::no_face});
  for (std::uint64_t i = 0; i < 3; ++i)
    clip.spans.push_back ({1450 + 10 * i, 10, Flaw::too_short});
  const Verdict verdict = judge (clip, {}, {});
  EXPECT_TRUE (verdict.refused.empty ());
  ASSERT_EQ (verdict.notes.size (), 1u);
  EXPECT_EQ (verdict.notes[0].find ("left out: 44.0 to 46.0 s (no face); 48.0"), 0u);
  EXPECT_NE (verdict.notes[0].find (" and 2 more"), std::string::npos);
}

TEST (Verdict, EachDefectIsNamedWithItsRemedy)
{
  using Change = std::function<void (ClipMeasures &)>;
  const std::vector<std::pair<Change, std::string>> defects = {
      {[] (auto &m) { m.without_face = 1; }, "no face was found"},
      {[] (auto &m) { m.without_face = 0.2; }, "20.0 % of the frames show no face. Cut"},
      {[] (auto &m) { m.several_faces = 0.2; }, "more than one face. Crop"},
      {[] (auto &m) { m.face_width = 40; }, "40 pixels wide. Film closer"},
      {[] (auto &m) { m.outside = 0.5; }, "leaves the picture"},
      {[] (auto &m) {
         m.spans = {{0, 40, Flaw::too_short}, {40, 50, Flaw::several_faces}};
       },
       "0.0 to 1.6 s (less than two seconds); 1.6 to 3.6 s (several faces). Film"},
      {[] (auto &m) { m.camera_shift = 0.3; }, "camera moves by 0.3 face widths"},
      {[] (auto &m) { m.repeated = 0.4; }, "are repeats"},
      {[] (auto &m) { m.has_sound = false; }, "no sound"},
      {[] (auto &m) { m.silence = 0.99; }, "silent"},
      {[] (auto &m) { m.clipping = 0.05; }, "clipped. Record at a lower level"},
      {[] (auto &m) {
         std::swap (m.av_correlation[av_lags], m.av_correlation[av_lags + 5]);
       },
       "200 ms late"},
      {[] (auto &m) {
         std::swap (m.av_correlation[av_lags], m.av_correlation[av_lags - 5]);
       },
       "200 ms early"},
  };
  for (const auto &[change, words] : defects) {
    ClipMeasures clip = good_clip ();
    change (clip);
    EXPECT_NE (first_refusal (clip).find (words), std::string::npos)
        << first_refusal (clip);
  }
}

TEST (Verdict, ThresholdsAreOptions)
{
  ClipMeasures clip = good_clip ();
  clip.without_face = 0.2;
  Thresholds limits;
  limits.most_without_face = 0.3;
  EXPECT_EQ (first_refusal (clip, limits), "");
}

TEST (Verdict, AnotherLookIsRefused)
{
  std::vector<ClipMeasures> clips (6, good_clip ());
  clips[2].look.assign (48, 160);
  std::vector<const ClipMeasures *> all;
  for (const ClipMeasures &clip : clips)
    all.push_back (&clip);
  const std::vector<double> usual = usual_look (all);
  EXPECT_EQ (first_refusal (clips[0], {}, usual), "");
  EXPECT_NE (first_refusal (clips[2], {}, usual).find ("60 grey levels"),
             std::string::npos);
  all.resize (4);
  EXPECT_TRUE (usual_look (all).empty ()) << "too few to call one of them usual";
}

TEST (Shard, SplitsWithoutLossOrOverlap)
{
  std::vector<int> seen (17);
  for (const char *text : {"0/3", "1/3", "2/3"}) {
    const Shard shard = parse_shard (text);
    for (std::size_t job = 0; job < seen.size (); ++job)
      seen[job] += shard.holds (job);
  }
  EXPECT_EQ (seen, std::vector<int> (17, 1));
}

TEST (Shard, RefusesNonsense)
{
  for (const char *text : {"", "1", "3/3", "0/0", "-1/3", "1/2x", "a/b", " 1/2", "1/+2"})
    EXPECT_THROW (parse_shard (text), std::invalid_argument) << text;
}
