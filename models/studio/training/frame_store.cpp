// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/frame_store.h"

#include "models/engine.h"
#include "models/io/tensors.h"
#include "models/studio/dataset.h"
#include "models/studio/media.h"
#include "models/studio/progress.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace daetalker {

namespace fs = std::filesystem;
using torch::Tensor;

namespace {

constexpr int picture_side = 256;
constexpr int64_t picture_bytes = 3 * picture_side * picture_side;

std::vector<std::string>
clip_names (const std::string &dataset)
{
  std::vector<std::string> names;
  for (const DatasetClip &clip : load_dataset_index (dataset).clips)
    if (clip.prepared && clip.refused.empty ())
      names.push_back (clip.name);
  if (names.empty ())
    throw Error (ErrorCode::not_found, dataset, "it holds no usable clips",
                 "See its report for what was refused and why");
  std::sort (names.begin (), names.end ());
  return names;
}

// What the cache was made of; a dataset that changed shows here.
nlohmann::json
fingerprint (const std::vector<Clip> &clips)
{
  nlohmann::json list = nlohmann::json::array ();
  for (const Clip &clip : clips)
    list.push_back ({clip.name, clip.frames, int64_t (fs::file_size (clip.video))});
  return list;
}

void
decode (const std::vector<Clip> &clips, const fs::path &target)
{
  fs::path partial = target.string () + ".partial";
  std::ofstream file (partial, std::ios::binary | std::ios::trunc);
  const int64_t total = clips.back ().first + clips.back ().frames;
  Progress progress ("decoding clips", clips.size ());
  for (size_t i = 0; i < clips.size (); i++) {
    int64_t count = 0;
    read_media (
        clips[i].video,
        [&] (uint64_t, const cv::Mat &rgb) {
          if (rgb.cols != picture_side || rgb.rows != picture_side)
            throw Error (ErrorCode::wrong_model, clips[i].video,
                         "its pictures are not 256x256", "Prepare the dataset again");
          if (count++ < clips[i].frames)
            for (int y = 0; y < rgb.rows; y++)
              file.write (reinterpret_cast<const char *> (rgb.ptr (y)), 3 * rgb.cols);
        },
        nullptr);
    if (count != clips[i].frames)
      throw Error (ErrorCode::corrupt, clips[i].video,
                   "its frames and its landmarks differ in number",
                   "Prepare the dataset again");
    if (!file)
      throw Error (ErrorCode::unreadable, partial.string (), "writing failed",
                   "Free some space (" + std::to_string (total * picture_bytes >> 20) +
                       " MB are needed in all)");
    progress.add ();
  }
  file.close ();
  fs::rename (partial, target);
}

} // namespace

FrameStore::FrameStore (const std::string &dataset, const std::string &cache,
                        int held_out)
    : side_ (picture_side)
{
  fs::create_directories (cache);
  std::vector<Tensor> landmarks, poses;
  int64_t total = 0;
  for (const std::string &name : clip_names (dataset)) {
    fs::path base = dataset_clip_path (dataset, name);
    TensorMap tensors = load_tensors (base.string () + ".safetensors");
    if (!tensors.count ("landmarks") || !tensors.count ("pose"))
      throw Error (ErrorCode::corrupt, base.string () + ".safetensors",
                   "it lacks landmarks or pose", "Prepare the dataset again");
    Clip clip;
    clip.name = name;
    clip.video = base.string () + ".mkv";
    clip.first = total;
    clip.frames = tensors["landmarks"].size (0);
    total += clip.frames;
    landmarks.push_back (tensors["landmarks"].to (torch::kFloat));
    poses.push_back (tensors["pose"].to (torch::kFloat));
    clips_.push_back (clip);
  }
  landmarks_ = torch::cat (landmarks);
  poses_ = torch::cat (poses);

  int64_t count = int64_t (clips_.size ());
  if (held_out < 1 || held_out >= count)
    throw Error (ErrorCode::wrong_model, dataset,
                 "it cannot hold out " + std::to_string (held_out) + " of " +
                     std::to_string (count) + " clips",
                 "Give more footage or a smaller --held-out");
  for (int i = 0; i < held_out; i++)
    clips_[(2 * i + 1) * count / (2 * held_out)].held_out = true;
  std::vector<Tensor> training, validation;
  for (const Clip &clip : clips_)
    (clip.held_out ? validation : training)
        .push_back (torch::arange (clip.first, clip.first + clip.frames));
  training_ = torch::cat (training);
  validation_ = torch::cat (validation);

  fs::path pixels = fs::path (cache) / "frames.rgb";
  fs::path index = fs::path (cache) / "frames.json";
  nlohmann::json now = fingerprint (clips_);
  if (fs::exists (pixels) && fs::exists (index)) {
    std::ifstream file (index);
    if (nlohmann::json::parse (file, nullptr, false) != now)
      throw Error (ErrorCode::wrong_model, dataset,
                   "it is not the dataset that " + cache + " was decoded from",
                   "Take another --work folder, or remove " + pixels.string ());
  } else {
    decode (clips_, pixels);
    std::ofstream (index) << now;
  }
  pixels_ =
      torch::from_file (pixels.string (), false, total * picture_bytes, torch::kByte)
          .view ({total, side_, side_, 3});
}

Tensor
FrameStore::pictures (const Tensor &indices) const
{
  return pixels_.index_select (0, indices);
}

} // namespace daetalker
