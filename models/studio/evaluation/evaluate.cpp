// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/evaluation/evaluate.h"

#include "models/engine/torch_engine.h"
#include "models/io/bundle.h"
#include "models/io/files.h"
#include "models/io/safetensors.h"
#include "models/studio/avatar_search.h"
#include "models/studio/clip_writer.h"
#include "models/studio/dataset.h"
#include "models/studio/evaluation/baselines.h"
#include "models/studio/evaluation/face_motion.h"
#include "models/studio/evaluation/picture_quality.h"
#include "models/studio/evaluation/reencoded.h"
#include "models/studio/evaluation/speech_events.h"
#include "models/studio/head_pose.h"
#include "models/studio/media.h"
#include "models/studio/progress.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <set>

namespace daetalker {

namespace fs = std::filesystem;

namespace {

struct RealClip {
  std::string name;
  Pictures pictures;
  std::vector<std::int16_t> samples; // 16 kHz
  std::vector<float> speech;         // the same in [-1, 1]
  std::vector<cv::Rect2d> boxes;
  std::vector<Pose> poses;
  LandmarkTrack track;
  double closed = 0;                // an opening of the mouth
  std::vector<std::size_t> silence; // frames
  std::vector<std::size_t> labials; // frames
};

RealClip
read_clip (const std::string &dataset, const std::string &name)
{
  RealClip clip;
  clip.name = name;
  const std::string path = dataset_clip_path (dataset, name);
  read_media (
      path + ".mkv",
      [&] (std::uint64_t, const cv::Mat &rgb) { clip.pictures.push_back (rgb.clone ()); },
      &clip.samples);
  for (const std::int16_t sample : clip.samples)
    clip.speech.push_back (float (sample) / 32768);

  const SafetensorsFile file (path + ".safetensors");
  const std::size_t frames = clip.pictures.size ();
  const auto values = [&] (const char *tensor, std::size_t width) {
    const TensorView *view = file.find (tensor);
    if (!view || view->size != frames * width * sizeof (float))
      throw Error (ErrorCode::corrupt, path + ".safetensors",
                   std::string ("it lacks \"") + tensor + "\" for each of its " +
                       std::to_string (frames) + " frames",
                   "Prepare the dataset again");
    std::vector<float> result (frames * width);
    std::memcpy (result.data (), view->data, view->size);
    return result;
  };
  const std::vector<float> boxes = values ("box", 4), poses = values ("pose", 3);
  for (std::size_t f = 0; f < frames; ++f) {
    const float *box = &boxes[4 * f];
    clip.boxes.emplace_back (box[0], box[1], box[2], box[3]);
    clip.poses.push_back ({poses[3 * f], poses[3 * f + 1], poses[3 * f + 2]});
  }
  return clip;
}

ImageView
view_of (cv::Mat &rgb)
{
  ImageView view;
  view.format = PixelFormat::rgb;
  view.width = rgb.cols;
  view.height = rgb.rows;
  view.plane[0] = rgb.data;
  view.stride[0] = int (rgb.step);
  return view;
}

// Sums of figures, each with how often it was added.
class Means {
public:
  void add (const std::string &name, double value)
  {
    auto &[sum, count] = sums_[name];
    sum += value;
    ++count;
  }

  nlohmann::json json () const
  {
    nlohmann::json result = nlohmann::json::object ();
    for (const auto &[name, entry] : sums_)
      result[name] = entry.first / entry.second;
    return result;
  }

private:
  std::map<std::string, std::pair<double, int>> sums_;
};

// The lips and six pixels around them.
cv::Rect
mouth_box (const Landmarks &landmarks, const cv::Size &size)
{
  const std::vector<cv::Point2f> lips (landmarks.begin () + 48, landmarks.end ());
  const cv::Rect box = cv::boundingRect (lips);
  const cv::Rect wider (box.x - 6, box.y - 6, box.width + 12, box.height + 12);
  return wider & cv::Rect (cv::Point (), size);
}

// A sixteenth of the picture in the upper left corner: background that stands still.
double
flicker (const Pictures &pictures)
{
  double sum = 0;
  for (std::size_t f = 1; f < pictures.size (); ++f) {
    const cv::Rect corner (0, 0, pictures[f].cols / 4, pictures[f].rows / 4);
    sum += cv::norm (pictures[f](corner), pictures[f - 1](corner), cv::NORM_L1) /
           (3.0 * corner.area ());
  }
  return sum / double (std::max<std::size_t> (1, pictures.size () - 1));
}

class Evaluation {
public:
  explicit Evaluation (const EvaluationOptions &options)
      : options_ (options), predictor_ ("")
  {
    const std::string folder = require_avatar (options.avatar);
    avatar_ = torch_engine ().open_avatar (folder, {}, options.allow_unconsented);
    renderer_ = avatar_->open_renderer ();
    encoder_ = avatar_->open_image_encoder ();
    choose_clips (folder);
  }

  nlohmann::json run ()
  {
    fs::create_directories (options_.output);
    const FootageFrames footage (options_.dataset, footage_,
                                 std::size_t (options_.footage_frames));
    Progress progress ("evaluate", clips_.size ());
    for (const std::string &name : clips_) {
      RealClip clip = read_clip (options_.dataset, name);
      find_events (clip);
      evaluate (clip, footage);
      progress.add ();
    }
    const double clips = double (clips_.size ());
    nlohmann::json speech = speech_.json ();
    speech["clips_with_lag_0"] = double (in_step_) / clips;
    nlohmann::json report = {{"avatar", avatar_->info ().hash},
                             {"clips", clips_},
                             {"reconstruction", reconstruction_.json ()},
                             {"speech", speech},
                             {"real", real_.json ()},
                             {"mean_frame", mean_frame_.json ()},
                             {"nearest_frame", nearest_frame_.json ()},
                             {"reencoded", reencoded_.json ()}};
    replace_file (options_.output + "/report.json", report.dump (1) + "\n");
    write_side_by_side ();
    cv::Mat sheet, bgr;
    cv::vconcat (rows_, sheet);
    cv::cvtColor (sheet, bgr, cv::COLOR_RGB2BGR);
    cv::imwrite (options_.output + "/frames.png", bgr);
    return report;
  }

private:
  void choose_clips (const std::string &folder)
  {
    const nlohmann::json training = read_bundle (folder).training;
    std::set<std::string> held_out;
    if (training.contains ("held_out"))
      held_out = training["held_out"].get<std::set<std::string>> ();
    clips_ = options_.clips;
    if (clips_.empty ())
      clips_.assign (held_out.begin (), held_out.end ());
    const DatasetIndex index = load_dataset_index (options_.dataset);
    for (const std::string &name : clips_)
      if (!index.find_piece (name))
        throw Error (ErrorCode::not_found, options_.dataset,
                     "it holds no clip \"" + name + "\"",
                     "Name pieces of its dataset.json with --held-out");
    if (clips_.empty ())
      throw Error (ErrorCode::wrong_model, folder,
                   "it does not say which clips were held out from its training",
                   "Name clips that it has not seen with --held-out");
    // Another person's footage is not what the avatar was trained on.
    const bool own = std::all_of (
        clips_.begin (), clips_.end (),
        [&held_out] (const std::string &name) { return held_out.count (name) > 0; });
    if (own && options_.footage_frames > 0)
      for (const std::string &name : index.usable_pieces ())
        if (held_out.count (name) == 0)
          footage_.push_back (name);
  }

  cv::Mat render (const float *latent, int steps)
  {
    cv::Mat picture (avatar_->info ().height, avatar_->info ().width, CV_8UC3);
    renderer_->render (latent, steps, view_of (picture));
    return picture;
  }

  std::vector<LatentFrame> driven_by (const std::vector<float> &speech)
  {
    const auto features = avatar_->speech_encoder ()->open_stream (nullptr);
    const auto latents = avatar_->open_stream (nullptr);
    features->push (speech.data (), speech.size ());
    features->finish ();
    std::vector<float> rows;
    const std::size_t count = features->pull (rows);
    latents->push (rows.data (), count);
    latents->finish ();
    std::vector<LatentFrame> result;
    latents->pull ([] (std::uint64_t, Pose &) {}, result);
    return result;
  }

  // By one procedure for real and made pictures: the real clip's face box.
  LandmarkTrack track (const Pictures &pictures, const std::vector<cv::Rect2d> &boxes)
  {
    LandmarkTrack result;
    cv::Mat grey;
    for (std::size_t f = 0; f < pictures.size (); ++f) {
      cv::cvtColor (pictures[f], grey, cv::COLOR_RGB2GRAY);
      result.push_back (predictor_.predict (grey, boxes[f]));
    }
    return result;
  }

  void find_events (RealClip &clip)
  {
    clip.track = track (clip.pictures, clip.boxes);
    clip.closed = closed_opening (lip_openings (clip.track));
    const auto beyond = [&clip] (std::size_t frame) {
      return frame >= clip.pictures.size ();
    };
    const auto within = [&beyond] (std::vector<std::size_t> frames) {
      frames.erase (std::remove_if (frames.begin (), frames.end (), beyond),
                    frames.end ());
      return frames;
    };
    clip.silence = within (silent_frames (clip.speech));
    if (options_.alignments.empty ())
      return;
    const std::string alignment = options_.alignments + "/" + clip.name + ".align";
    clip.labials = within (labial_onsets (alignment));
    clip.silence = wordless_frames (alignment, clip.pictures.size ());
  }

  // What only the eye misses: mouths that do not close, eyes that never do.
  static void add_closures (const LandmarkTrack &made, const RealClip &clip, Means &means)
  {
    const std::vector<double> openings = lip_openings (made);
    if (!clip.silence.empty ())
      means.add ("closed_in_silence", closed_share (openings, clip.silence, clip.closed));
    if (!clip.labials.empty ())
      means.add ("closed_at_labials", closed_near (openings, clip.labials, clip.closed));
    const double minutes = double (made.size ()) / (60 * dataset_fps);
    means.add ("blinks_per_minute", count_blinks (made) / minutes);
  }

  void evaluate (const RealClip &clip, const FootageFrames &footage)
  {
    const LandmarkTrack &real_track = clip.track;
    real_.add ("sharpness", mean_sharpness (clip.pictures));
    real_.add ("jitter", jitter (real_track));
    add_closures (real_track, clip, real_);
    real_.add ("flicker", flicker (clip.pictures));

    Pictures again;
    std::vector<float> latent (std::size_t (avatar_->info ().latent_size));
    for (std::size_t f = 0; f < clip.pictures.size (); ++f) {
      cv::Mat picture = clip.pictures[f];
      encoder_->encode (view_of (picture), latent.data ());
      again.push_back (render (latent.data (), 1));
      if (f == clip.pictures.size () / 2)
        compare_steps (latent, again.back (), picture);
    }
    compare_pictures (again, clip.pictures, real_track, reconstruction_);
    compare_motion (again, clip, real_track, reconstruction_);

    Pictures spoken;
    double pose_error = 0;
    const std::vector<LatentFrame> frames = driven_by (clip.speech);
    for (std::size_t f = 0; f < clip.pictures.size () && f < frames.size (); ++f) {
      spoken.push_back (render (frames[f].latent.data (), 1));
      for (std::size_t i = 0; i < 3; ++i)
        pose_error += std::abs (frames[f].pose[i] - clip.poses[f][i]) / 3;
    }
    speech_.add ("pose_error_degrees", pose_error / double (spoken.size ()));
    compare_pictures (spoken, clip.pictures, real_track, speech_);
    in_step_ += compare_motion (spoken, clip, real_track, speech_).lag == 0;
    compare_baselines (clip, again, footage);

    const std::size_t f = clip.pictures.size () / 2;
    if (rows_.size () < 8 && f < spoken.size ()) {
      const std::size_t first = shown_.size ();
      for (std::size_t i = 0; i < spoken.size (); ++i) {
        cv::Mat row;
        cv::hconcat (std::vector<cv::Mat>{clip.pictures[i], again[i], spoken[i]}, row);
        shown_.push_back (row);
      }
      rows_.push_back (shown_[first + f]);
      heard_.insert (heard_.end (), clip.samples.begin (),
                     clip.samples.begin () +
                         std::ptrdiff_t (spoken.size () * samples_per_frame));
    }
  }

  void write_side_by_side ()
  {
    ClipWriter writer (options_.output + "/side-by-side.mkv", heard_, 3);
    for (const cv::Mat &row : shown_)
      writer.write (row);
    writer.finish ();
  }

  static double mean_sharpness (const Pictures &pictures)
  {
    double sum = 0;
    for (const cv::Mat &picture : pictures)
      sum += sharpness (picture);
    return sum / double (pictures.size ());
  }

  void compare_pictures (const Pictures &made, const Pictures &real,
                         const LandmarkTrack &track, Means &means)
  {
    for (std::size_t f = 0; f < made.size (); ++f) {
      const cv::Rect mouth = mouth_box (track[f], real[f].size ());
      means.add ("psnr", psnr (made[f], real[f]));
      means.add ("ssim", ssim (made[f], real[f]));
      means.add ("mouth_psnr", psnr (made[f](mouth).clone (), real[f](mouth).clone ()));
    }
    means.add ("sharpness_of_real", mean_sharpness (made) / mean_sharpness (real));
    means.add ("flicker", flicker (made));
  }

  Likeness compare_motion (const Pictures &made, const RealClip &clip,
                           const LandmarkTrack &real_track, Means &means)
  {
    const LandmarkTrack made_track = track (made, clip.boxes);
    const LandmarkTrack same (real_track.begin (),
                              real_track.begin () + std::ptrdiff_t (made.size ()));
    const Likeness opening = likeness (lip_openings (made_track), lip_openings (same));
    means.add ("lip_distance_px", lip_distance (made_track, same));
    means.add ("mouth_opening_correlation", opening.correlation);
    means.add ("mouth_opening_amplitude", opening.amplitude);
    means.add ("mouth_opening_lag_frames", opening.lag);
    means.add ("jitter_of_real", jitter (made_track) / std::max (jitter (same), 1e-9));
    if (made.size () == clip.pictures.size ())
      add_closures (made_track, clip, means);
    return opening;
  }

  void compare_baselines (const RealClip &clip, const Pictures &reconstructed,
                          const FootageFrames &footage)
  {
    const Encoded encoded = reencoded (clip.pictures, reconstructed);
    const double seconds = double (clip.pictures.size ()) / dataset_fps;
    reencoded_.add ("kilobits_per_second", 8e-3 * double (encoded.bytes) / seconds);
    compare_pictures (encoded.pictures, clip.pictures, clip.track, reencoded_);
    compare_motion (encoded.pictures, clip, clip.track, reencoded_);
    if (!footage.empty ()) {
      const Pictures nearest = footage.nearest (clip.pictures);
      compare_pictures (nearest, clip.pictures, clip.track, nearest_frame_);
      compare_motion (nearest, clip, clip.track, nearest_frame_);
    }
    compare_mean_frame (clip);
  }

  void compare_mean_frame (const RealClip &clip)
  {
    const LandmarkTrack &real_track = clip.track;
    compare_pictures (mean_frame (clip.pictures), clip.pictures, real_track, mean_frame_);
    Landmarks still{};
    for (std::size_t i = 0; i < still.size (); ++i) {
      for (const Landmarks &landmarks : real_track)
        still[i] += landmarks[i];
      still[i] /= float (real_track.size ());
    }
    mean_frame_.add (
        "lip_distance_px",
        lip_distance (LandmarkTrack (real_track.size (), still), real_track));
  }

  void compare_steps (const std::vector<float> &latent, const cv::Mat &one,
                      const cv::Mat &real)
  {
    constexpr int papers_steps = 100;
    const std::vector<int> &steps = avatar_->info ().steps; // ascending
    const auto beyond = std::upper_bound (steps.begin (), steps.end (), papers_steps);
    const int most = beyond == steps.begin () ? 1 : *(beyond - 1);
    if (many_steps_ >= options_.many_steps_frames || most == 1)
      return;
    ++many_steps_;
    const cv::Mat many = render (latent.data (), most);
    reconstruction_.add ("psnr_of_most_steps", psnr (many, real));
    reconstruction_.add ("psnr_of_one_step_there", psnr (one, real));
  }

  const EvaluationOptions &options_;
  LandmarkPredictor predictor_;
  std::shared_ptr<Avatar> avatar_;
  std::unique_ptr<Renderer> renderer_;
  std::unique_ptr<ImageEncoder> encoder_;
  std::vector<std::string> clips_, footage_;
  Means reconstruction_, speech_, real_, mean_frame_, nearest_frame_, reencoded_;
  Pictures rows_, shown_;           // real, reconstructed, spoken
  std::vector<std::int16_t> heard_; // with shown_
  int in_step_ = 0, many_steps_ = 0;
};

} // namespace

nlohmann::json
evaluate_avatar (const EvaluationOptions &options)
{
  return Evaluation (options).run ();
}

} // namespace daetalker
