// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/prepare.h"

#include "models/io/files.h"
#include "models/io/safetensors.h"
#include "models/studio/clip_writer.h"
#include "models/studio/crop.h"
#include "models/studio/dataset.h"
#include "models/studio/head_pose.h"
#include "models/studio/pieces.h"
#include "models/studio/pose_table.h"
#include "models/studio/report.h"
#include "models/studio/workers.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <opencv2/core/utility.hpp>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <set>

namespace daetalker {

namespace fs = std::filesystem;

namespace {

// One piece of footage on its way into the dataset.
struct Job {
  DatasetClip clip;
  Inspection inspection;
};

// A folder of footage may hold transcripts, checksums and the like beside it.
std::vector<std::string>
media_among (const std::vector<std::string> &files)
{
  std::vector<std::string> media, others;
  for (const std::string &file : files)
    (looks_like_media (file) ? media : others).push_back (file);
  constexpr std::size_t named = 3;
  if (!others.empty ()) {
    std::string names;
    for (std::size_t i = 0; i < others.size () && i < named; ++i)
      names += (i > 0 ? ", " : "") + fs::path (others[i]).filename ().string ();
    std::printf ("passed over %zu files that are no media: %s%s\n", others.size (),
                 names.c_str (), others.size () > named ? ", ..." : "");
  }
  return media;
}

std::vector<std::string>
list_footage (const std::vector<std::string> &given)
{
  std::vector<std::string> files;
  for (const std::string &path : given) {
    std::error_code error;
    const fs::file_status status = fs::status (path, error);
    if (!fs::exists (status))
      throw Error (ErrorCode::not_found, path, "there is no such file or folder",
                   "Check the path");
    if (!fs::is_directory (status)) {
      files.push_back (path);
      continue;
    }
    std::vector<std::string> inside;
    for (const auto &entry : fs::directory_iterator (path, error))
      if (entry.is_regular_file () && entry.path ().filename ().string ()[0] != '.')
        inside.push_back (entry.path ().string ());
    if (error)
      throw Error (ErrorCode::unreadable, path, error.message (), "Check its rights");
    inside = media_among (inside);
    if (inside.empty ())
      throw Error (ErrorCode::not_found, path, "the folder holds no media files",
                   "Name a folder with footage; folders inside it are not searched");
    std::sort (inside.begin (), inside.end ());
    files.insert (files.end (), inside.begin (), inside.end ());
  }
  return files;
}

// Empty where there is none.
std::vector<std::int16_t>
speech_of (const DatasetPiece &piece, const std::vector<std::int16_t> &speech)
{
  if (speech.empty ())
    return {};
  const auto begin = speech.begin () + std::ptrdiff_t (piece.first * samples_per_frame);
  return {begin, begin + std::ptrdiff_t (piece.frames * samples_per_frame)};
}

class Preparation {
public:
  explicit Preparation (const PrepareOptions &options);
  void run ();

private:
  void open_dataset ();
  void inspect (std::size_t index);
  void write (std::size_t index);
  void write_landmarks (const Job &job, const DatasetPiece &piece,
                        const std::vector<Landmarks> &landmarks) const;
  void store (const DatasetClip &clip);
  bool is_done (const DatasetClip &known) const;
  void choose_jobs ();
  std::vector<double> usual_look () const;
  void judge_clips ();
  void report () const;

  PrepareOptions options_;
  LandmarkPredictor predictor_;
  std::optional<PoseTable> poses_;
  std::vector<Job> jobs_;
  DatasetIndex index_;
  std::mutex mutex_; // of index_
};

Preparation::Preparation (const PrepareOptions &options)
    : options_ (options), predictor_ (options.landmark_model)
{
  if (!options.poses.empty ())
    poses_.emplace (options.poses);
  for (const std::string &file : list_footage (options.footage)) {
    jobs_.emplace_back ();
    jobs_.back ().clip.source = file;
  }
}

void
Preparation::open_dataset ()
{
  nlohmann::json settings = {{"crop_scale", options_.inspect.crop_scale},
                             {"inspect_every", options_.inspect.every}};
  if (poses_)
    settings["poses_sha256"] = sha256_of_file (options_.poses);
  for (const char *folder : {"/clips", "/report"}) {
    std::error_code error;
    fs::create_directories (options_.output + folder, error);
    if (error)
      throw Error (ErrorCode::unreadable, options_.output, error.message (),
                   "Name a folder that can be written");
  }
  if (fs::exists (dataset_index_path (options_.output))) {
    index_ = load_dataset_index (options_.output);
    if (index_.settings != settings)
      throw Error (ErrorCode::wrong_model, options_.output,
                   "its clips were prepared with other settings: " +
                       index_.settings.dump (),
                   "Use the same settings, or another folder");
  }
  index_.settings = settings;
}

// What lies in the dataset already is not done again: footage is known by its
// content, so it may move.
bool
Preparation::is_done (const DatasetClip &known) const
{
  if (known.measures &&
      !judge (*known.measures, options_.thresholds, usual_look ()).refused.empty ())
    return true;
  return !known.pieces.empty () &&
         std::all_of (
             known.pieces.begin (), known.pieces.end (),
             [this] (const DatasetPiece &piece) {
               const std::string path = dataset_clip_path (options_.output, piece.name);
               return fs::exists (path + ".mkv") && fs::exists (path + ".safetensors");
             });
}

void
Preparation::choose_jobs ()
{
  std::set<std::string> seen;
  std::vector<Job> remaining;
  for (Job &job : jobs_) {
    DatasetClip &clip = job.clip;
    clip.source_sha256 = sha256_of_file (clip.source);
    if (!seen.insert (clip.source_sha256).second)
      continue;
    const DatasetClip *known = index_.find_source (clip.source_sha256);
    if (known && is_done (*known))
      continue;
    clip.name = known ? known->name : fs::path (clip.source).stem ().string ();
    // What follows it is a piece's number.
    std::replace (clip.name.begin (), clip.name.end (), '@', '-');
    if (!known && index_.find_name (clip.name))
      clip.name += "-" + clip.source_sha256.substr (0, 8);
    if (!known)
      index_.clips.push_back (clip);
    remaining.push_back (std::move (job));
  }
  jobs_ = std::move (remaining);
}

void
Preparation::store (const DatasetClip &clip)
{
  std::lock_guard<std::mutex> lock (mutex_);
  *index_.find_source (clip.source_sha256) = clip;
  save_dataset_index (options_.output, index_);
}

void
Preparation::inspect (std::size_t index)
{
  thread_local FaceDetector detector;
  Job &job = jobs_[index];
  DatasetClip &clip = job.clip;
  try {
    job.inspection = inspect_clip (clip.source, detector, predictor_, options_.inspect);
  } catch (const Error &error) {
    // One bad file must not end the others.
    if (error.code () != ErrorCode::unreadable && error.code () != ErrorCode::wrong_model)
      throw;
    clip.refused = {error.what ()};
    store (clip);
    return;
  }
  const Inspection &seen = job.inspection;
  clip.frames = seen.media.frames;
  clip.samples = seen.speech.size ();
  clip.source_size = {seen.media.width, seen.media.height};
  clip.crop = seen.crop;
  clip.measures = seen.measures;
  if (!seen.thumbnail.empty ())
    write_thumbnail (options_.output, clip.name, seen.thumbnail);
  job.inspection.thumbnail.release ();
  store (clip);
}

void
Preparation::write (std::size_t index)
{
  Job &job = jobs_[index];
  if (!job.clip.refused.empty ())
    return;
  const cv::Rect &crop = job.clip.crop;
  const double scale = double (dataset_picture_size) / crop.width;
  std::vector<DatasetPiece> pieces =
      cut_into_pieces (job.clip.name, job.clip.measures->spans, job.inspection.speech,
                       options_.piece_seconds);
  auto piece = pieces.begin ();
  std::vector<Landmarks> landmarks;
  std::optional<ClipWriter> writer;
  const auto finish = [&] {
    write_landmarks (job, *piece, landmarks);
    writer->finish ();
    writer.reset ();
    landmarks.clear ();
    ++piece;
  };
  const MediaInfo media = read_media (
      job.clip.source,
      [&] (std::uint64_t frame, const cv::Mat &rgb) {
        if (piece == pieces.end () || frame < piece->first)
          return;
        if (!writer)
          writer.emplace (dataset_clip_path (options_.output, piece->name) + ".mkv",
                          speech_of (*piece, job.inspection.speech));
        const cv::Mat picture = crop_picture (rgb, crop);
        cv::Mat grey;
        cv::cvtColor (picture, grey, cv::COLOR_RGB2GRAY);
        cv::Rect2d box = job.inspection.track.box_at (frame) - cv::Point2d (crop.tl ());
        box = {box.tl () * scale, cv::Size2d (box.width * scale, box.height * scale)};
        landmarks.push_back (predictor_.predict (grey, box));
        writer->write (picture);
        if (landmarks.size () == piece->frames)
          finish ();
      },
      nullptr);
  if (media.frames != job.clip.frames)
    throw Error (ErrorCode::failed, job.clip.source,
                 "it has not as many frames as a moment ago",
                 "Wait until it is complete, then run the command again");
  job.inspection = {};
  job.clip.pieces = std::move (pieces);
  store (job.clip);
}

void
Preparation::write_landmarks (const Job &job, const DatasetPiece &piece,
                              const std::vector<Landmarks> &landmarks) const
{
  const auto frames = std::int64_t (landmarks.size ());
  std::vector<Pose> poses;
  std::vector<std::array<float, 4>> boxes;
  std::vector<std::uint8_t> faces;
  const std::vector<Pose> *given =
      poses_ ? poses_->find (job.clip.name, job.clip.frames) : nullptr;
  for (const Landmarks &points : landmarks) {
    poses.push_back (given ? (*given)[piece.first + poses.size ()]
                           : head_pose (points, dataset_picture_size));
    const cv::Rect2f box = face_box (points);
    boxes.push_back ({box.x, box.y, box.width, box.height});
    faces.push_back (
        std::min (255, job.inspection.track.faces_at (piece.first + faces.size ())));
  }
  const auto view = [] (const char *name, DType dtype, std::vector<std::int64_t> shape,
                        const auto &values) {
    return TensorView{name, dtype, std::move (shape),
                      reinterpret_cast<const std::uint8_t *> (values.data ()),
                      values.size () * sizeof (values[0])};
  };
  write_safetensors (
      dataset_clip_path (options_.output, piece.name) + ".safetensors",
      {view ("landmarks", DType::f32, {frames, landmark_count, 2}, landmarks),
       view ("pose", DType::f32, {frames, 3}, poses),
       view ("box", DType::f32, {frames, 4}, boxes),
       view ("faces", DType::u8, {frames}, faces)});
}

std::vector<double>
Preparation::usual_look () const
{
  std::vector<const ClipMeasures *> measures;
  for (const DatasetClip &clip : index_.clips)
    if (clip.measures)
      measures.push_back (&*clip.measures);
  return daetalker::usual_look (measures);
}

// All clips, not only the new ones: thresholds and the usual look may have changed.
void
Preparation::judge_clips ()
{
  const std::vector<double> look = usual_look ();
  for (DatasetClip &clip : index_.clips) {
    if (!clip.measures)
      continue;
    const Verdict verdict = judge (*clip.measures, options_.thresholds, look);
    clip.refused = verdict.refused;
    clip.notes = verdict.notes;
  }
  for (Job &job : jobs_)
    job.clip = *index_.find_source (job.clip.source_sha256);
  save_dataset_index (options_.output, index_);
}

void
Preparation::report () const
{
  for (const DatasetClip &clip : index_.clips)
    for (const std::string &reason : clip.refused)
      std::printf ("refused %s: %s\n", clip.name.c_str (), reason.c_str ());
  for (const std::string &line : describe (summarise (index_)))
    std::printf ("%s\n", line.c_str ());
  write_report (options_.output, index_);
  std::printf ("The report with pictures: %s/report.html\n", options_.output.c_str ());
  std::fflush (stdout);
}

void
Preparation::run ()
{
  cv::setNumThreads (1); // the parallelism is over clips
  open_dataset ();
  choose_jobs ();
  run_parallel ("inspect", jobs_.size (), options_.jobs,
                [this] (std::size_t i) { inspect (i); });
  judge_clips ();
  report ();
  if (summarise (index_).used == 0)
    throw Error (ErrorCode::wrong_model, options_.output,
                 "none of the footage can be used", "The report says why, clip by clip");
  if (!options_.report_only)
    run_parallel ("prepare", jobs_.size (), options_.jobs,
                  [this] (std::size_t i) { write (i); });
}

} // namespace

void
prepare_dataset (const PrepareOptions &options)
{
  Preparation (options).run ();
}

} // namespace daetalker
