// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A dataset of six clips of three flat frames, each with its own brightness and sound.
#pragma once

#include "models/io/tensors.h"
#include "models/studio/clip_writer.h"
#include "models/studio/dataset.h"
#include "models/studio/media.h"

#include <filesystem>
#include <gst/gst.h>
#include <string>
#include <vector>

namespace daetalker::test {

constexpr int small_frames = 3;
inline const std::vector<std::string> small_names = {"a", "b", "c", "d", "e", "f"};

// The brightness of every pixel of frame `frame`, and each of its samples.
inline int
mark (size_t clip, int frame)
{
  return int (10 * clip) + frame;
}

inline void
write_small_clip (const std::string &dataset, size_t clip)
{
  std::vector<int16_t> speech;
  for (int frame = 0; frame < small_frames; frame++)
    speech.insert (speech.end (), samples_per_frame, int16_t (mark (clip, frame)));
  const std::string path = dataset_clip_path (dataset, small_names[clip]);
  ClipWriter writer (path + ".mkv", speech);
  for (int frame = 0; frame < small_frames; frame++)
    writer.write (cv::Mat (256, 256, CV_8UC3, cv::Scalar::all (mark (clip, frame))));
  writer.finish ();
  save_tensors (path + ".safetensors",
                {{"landmarks", torch::zeros ({small_frames, 68, 2})},
                 {"pose", torch::zeros ({small_frames, 3})}});
}

inline void
write_small_dataset (const std::string &dataset)
{
  gst_init (nullptr, nullptr);
  std::filesystem::create_directories (dataset + "/clips");
  DatasetIndex index;
  for (size_t i = 0; i < small_names.size (); i++) {
    write_small_clip (dataset, i);
    DatasetClip clip;
    clip.name = small_names[i];
    clip.frames = small_frames;
    clip.pieces = {{clip.name, 0, clip.frames}};
    index.clips.push_back (clip);
  }
  save_dataset_index (dataset, index);
}

} // namespace daetalker::test
