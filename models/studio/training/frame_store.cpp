// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/frame_store.h"

#include "models/engine.h"
#include "models/io/files.h"
#include "models/io/tensors.h"
#include "models/studio/dataset.h"
#include "models/studio/media.h"
#include "models/studio/progress.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

namespace daetalker {

namespace fs = std::filesystem;
using torch::Tensor;

namespace {

constexpr int picture_side = 256;
constexpr int64_t picture_bytes = 3 * picture_side * picture_side;

std::vector<std::string>
clip_names (const std::string &dataset)
{
  std::vector<std::string> names = load_dataset_index (dataset).usable_pieces ();
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
decode (const std::vector<Clip> &clips, const fs::path &pixels_path,
        const fs::path &speech_path)
{
  AtomicFile pixels (pixels_path), sound (speech_path);
  Progress progress ("decoding clips", clips.size ());
  for (const Clip &clip : clips) {
    int64_t count = 0;
    std::vector<int16_t> speech;
    read_media (
        clip.video,
        [&] (uint64_t, const cv::Mat &rgb) {
          if (rgb.cols != picture_side || rgb.rows != picture_side)
            throw Error (ErrorCode::wrong_model, clip.video,
                         "its pictures are not 256x256", "Prepare the dataset again");
          const cv::Mat whole = rgb.isContinuous () ? rgb : rgb.clone ();
          if (count++ < clip.frames)
            pixels.write (whole.data, size_t (picture_bytes));
        },
        &speech);
    if (count != clip.frames)
      throw Error (ErrorCode::corrupt, clip.video,
                   "its frames and its landmarks differ in number",
                   "Prepare the dataset again");
    if (speech.empty ())
      throw Error (ErrorCode::wrong_model, clip.video, "it has no sound",
                   "Prepare the dataset from footage with speech");
    sound.write (speech.data (), speech.size () * sizeof speech[0]);
    progress.add ();
  }
  pixels.commit ();
  sound.commit ();
}

} // namespace

FrameStore::FrameStore (const std::string &dataset, const std::string &cache,
                        const HeldOut &held_out)
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

  choose_held_out (dataset, cache, held_out);
  std::vector<Tensor> training, validation;
  for (const Clip &clip : clips_)
    (clip.held_out ? validation : training)
        .push_back (torch::arange (clip.first, clip.first + clip.frames));
  training_ = torch::cat (training);
  validation_ = torch::cat (validation);

  fs::path pixels = fs::path (cache) / "frames.rgb";
  fs::path speech = fs::path (cache) / "speech.s16";
  fs::path index = fs::path (cache) / "frames.json";
  nlohmann::json now = fingerprint (clips_);
  if (fs::exists (index)) {
    std::ifstream file (index);
    if (nlohmann::json::parse (file, nullptr, false) != now)
      throw Error (ErrorCode::wrong_model, dataset,
                   "it is not the dataset that " + cache + " was decoded from",
                   "Take another --work folder, or remove " + index.string ());
  }
  if (!fs::exists (index) || !fs::exists (pixels) || !fs::exists (speech)) {
    decode (clips_, pixels, speech);
    replace_file (index, now.dump () + "\n");
  }
  pixels_ =
      torch::from_file (pixels.string (), false, total * picture_bytes, torch::kByte)
          .view ({total, side_, side_, 3});
  speech_ = torch::from_file (speech.string (), false, total * samples_per_frame,
                              torch::kShort);
}

void
FrameStore::choose_held_out (const std::string &dataset, const std::string &cache,
                             const HeldOut &wanted)
{
  // A clip that was trained on once must not be measured on later.
  const fs::path record = fs::path (cache) / "held-out.txt";
  const std::vector<std::string> before =
      fs::exists (record) ? read_words (record) : std::vector<std::string> ();
  const std::vector<std::string> &names = before.empty () ? wanted.names : before;
  const std::set<std::string> chosen (names.begin (), names.end ());
  const int64_t count = int64_t (clips_.size ());
  const int64_t share =
      wanted.count > 0 ? wanted.count : std::clamp<int64_t> (count / 10, 1, 40);
  if (names.empty ())
    for (int64_t i = 0; i < share && share < count; i++)
      clips_[(2 * i + 1) * count / (2 * share)].held_out = true;
  else
    for (Clip &clip : clips_)
      clip.held_out = chosen.count (clip.name) > 0;

  const int64_t held_out = int64_t (held_out_names ().size ());
  if (held_out == 0 || held_out == count)
    throw Error (ErrorCode::wrong_model, dataset,
                 "of its " + std::to_string (count) + " clips " +
                     std::to_string (held_out) + " would be held out",
                 "Give more footage, a smaller --held-out or other --held-out-clips");
  if (before.empty ()) {
    std::string text;
    for (const std::string &name : held_out_names ())
      text += name + "\n";
    replace_file (record, text);
  }
}

std::vector<std::string>
FrameStore::held_out_names () const
{
  std::vector<std::string> names;
  for (const Clip &clip : clips_)
    if (clip.held_out)
      names.push_back (clip.name);
  return names;
}

Tensor
FrameStore::speech (const Clip &clip) const
{
  return speech_.narrow (0, clip.first * samples_per_frame,
                         clip.frames * samples_per_frame);
}

Tensor
FrameStore::pictures (const Tensor &indices) const
{
  return pixels_.index_select (0, indices);
}

} // namespace daetalker
