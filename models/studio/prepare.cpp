// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/prepare.h"

#include "models/io/files.h"
#include "models/io/safetensors.h"
#include "models/studio/clip_writer.h"
#include "models/studio/crop.h"
#include "models/studio/dataset.h"
#include "models/studio/head_pose.h"
#include "models/studio/inspect.h"
#include "models/studio/progress.h"
#include "models/studio/workers.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <opencv2/core/utility.hpp>

namespace daetalker {

namespace fs = std::filesystem;

namespace {

// One piece of footage on its way into the dataset.
struct Job {
  DatasetClip clip;
  Inspection inspection;
};

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
    if (inside.empty ())
      throw Error (ErrorCode::not_found, path, "the folder holds no files",
                   "Name a folder with footage; folders inside it are not searched");
    std::sort (inside.begin (), inside.end ());
    files.insert (files.end (), inside.begin (), inside.end ());
  }
  return files;
}

class Preparation {
public:
  explicit Preparation (const PrepareOptions &options);
  void run ();

private:
  void open_dataset ();
  void inspect (std::size_t index);
  void write (std::size_t index);
  void write_landmarks (const Job &job, const std::vector<Landmarks> &landmarks) const;
  void store (const DatasetClip &clip);
  void choose_names ();
  void summarise () const;

  PrepareOptions options_;
  LandmarkPredictor predictor_;
  std::vector<Job> jobs_;
  DatasetIndex index_;
  std::mutex mutex_; // of index_
};

Preparation::Preparation (const PrepareOptions &options)
    : options_ (options), predictor_ (options.landmark_model)
{
  for (const std::string &file : list_footage (options.footage)) {
    jobs_.emplace_back ();
    jobs_.back ().clip.source = file;
  }
}

void
Preparation::open_dataset ()
{
  const nlohmann::json settings = {{"crop_scale", options_.crop_scale},
                                   {"inspect_every", options_.inspect_every}};
  std::error_code error;
  fs::create_directories (options_.output + "/clips", error);
  if (error)
    throw Error (ErrorCode::unreadable, options_.output, error.message (),
                 "Name a folder that can be written");
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
void
Preparation::choose_names ()
{
  std::vector<Job> remaining;
  for (Job &job : jobs_) {
    DatasetClip &clip = job.clip;
    clip.source_sha256 = sha256_of_file (clip.source);
    const DatasetClip *known = index_.find_source (clip.source_sha256);
    if (known) {
      const std::string path = dataset_clip_path (options_.output, known->name);
      const bool complete = known->prepared && fs::exists (path + ".mkv") &&
                            fs::exists (path + ".safetensors");
      if (complete || !known->refused.empty ())
        continue;
    }
    clip.name = known ? known->name : fs::path (clip.source).stem ().string ();
    if (!known && index_.find_name (clip.name))
      clip.name += "-" + clip.source_sha256.substr (0, 8);
    const auto same = [&clip] (const Job &other) {
      return other.clip.source_sha256 == clip.source_sha256;
    };
    if (std::any_of (remaining.begin (), remaining.end (), same))
      continue;
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
  try {
    job.inspection =
        inspect_clip (job.clip.source, detector, predictor_, options_.inspect_every);
  } catch (const Error &error) {
    // One bad file must not end the others.
    if (error.code () != ErrorCode::unreadable && error.code () != ErrorCode::wrong_model)
      throw;
    job.inspection.refused.push_back (error.what ());
  }
  const Inspection &seen = job.inspection;
  job.clip.frames = seen.media.frames;
  job.clip.samples = seen.speech.size ();
  job.clip.source_size = {seen.media.width, seen.media.height};
  job.clip.measures = seen.measures;
  job.clip.refused = seen.refused;
  if (seen.refused.empty ())
    job.clip.crop =
        crop_square (seen.track.median (), job.clip.source_size, options_.crop_scale);
  store (job.clip);
}

void
Preparation::write (std::size_t index)
{
  Job &job = jobs_[index];
  if (!job.clip.refused.empty ())
    return;
  const cv::Rect &crop = job.clip.crop;
  const double scale = double (dataset_picture_size) / crop.width;
  const std::string path = dataset_clip_path (options_.output, job.clip.name);
  std::vector<Landmarks> landmarks;
  ClipWriter writer (path + ".mkv", job.inspection.speech);
  read_media (
      job.clip.source,
      [&] (std::uint64_t frame, const cv::Mat &rgb) {
        const cv::Mat picture = crop_picture (rgb, crop);
        cv::Rect2d box = job.inspection.track.box_at (frame) - cv::Point2d (crop.tl ());
        box = {box.tl () * scale, cv::Size2d (box.width * scale, box.height * scale)};
        landmarks.push_back (predictor_.predict (picture, box));
        writer.write (picture);
      },
      nullptr);
  write_landmarks (job, landmarks);
  writer.finish ();
  job.inspection = {};
  job.clip.prepared = true;
  store (job.clip);
}

void
Preparation::write_landmarks (const Job &job,
                              const std::vector<Landmarks> &landmarks) const
{
  const auto frames = std::int64_t (landmarks.size ());
  std::vector<Pose> poses;
  std::vector<std::array<float, 4>> boxes;
  std::vector<std::uint8_t> faces;
  for (const Landmarks &points : landmarks) {
    poses.push_back (head_pose (points, dataset_picture_size));
    const cv::Rect2f box = face_box (points);
    boxes.push_back ({box.x, box.y, box.width, box.height});
    faces.push_back (std::min (255, job.inspection.track.faces_at (faces.size ())));
  }
  const auto view = [] (const char *name, DType dtype, std::vector<std::int64_t> shape,
                        const auto &values) {
    return TensorView{name, dtype, std::move (shape),
                      reinterpret_cast<const std::uint8_t *> (values.data ()),
                      values.size () * sizeof (values[0])};
  };
  write_safetensors (
      dataset_clip_path (options_.output, job.clip.name) + ".safetensors",
      {view ("landmarks", DType::f32, {frames, landmark_count, 2}, landmarks),
       view ("pose", DType::f32, {frames, 3}, poses),
       view ("box", DType::f32, {frames, 4}, boxes),
       view ("faces", DType::u8, {frames}, faces)});
}

void
Preparation::summarise () const
{
  std::uint64_t frames = 0;
  std::size_t used = 0;
  for (const DatasetClip &clip : index_.clips) {
    if (clip.prepared) {
      ++used;
      frames += clip.frames;
    }
    for (const std::string &reason : clip.refused)
      std::printf ("refused %s: %s\n", clip.source.c_str (), reason.c_str ());
  }
  std::printf ("%s: %zu clips, %s of footage; %zu refused\n", options_.output.c_str (),
               used, format_duration (double (frames) / dataset_fps).c_str (),
               index_.clips.size () - used);
}

void
Preparation::run ()
{
  cv::setNumThreads (1); // the parallelism is over clips
  open_dataset ();
  choose_names ();
  run_parallel ("inspect", jobs_.size (), options_.jobs,
                [this] (std::size_t i) { inspect (i); });
  run_parallel ("prepare", jobs_.size (), options_.jobs,
                [this] (std::size_t i) { write (i); });
  summarise ();
}

} // namespace

void
prepare_dataset (const PrepareOptions &options)
{
  Preparation (options).run ();
}

} // namespace daetalker
