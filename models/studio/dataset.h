// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The index of a prepared dataset, DATASET/dataset.json.  What can be used of each clip
// that is not refused is one piece or, where it is long, several.  A piece is the two
// files clips/NAME.mkv (256x256 FFV1 at 25 frames a second, 16 kHz mono FLAC) and
// clips/NAME.safetensors:
//   landmarks F32 [frames, 68, 2]  pixels of the 256x256 picture, iBUG order
//   pose      F32 [frames, 3]      yaw, pitch, roll in degrees, as engine.h's Pose
//   box       F32 [frames, 4]      face box x, y, width, height in pixels
//   faces     U8  [frames]         faces seen in the footage at the nearest
//                                  inspected frame
#pragma once

#include "models/studio/measures.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <opencv2/core/types.hpp>
#include <optional>
#include <string>
#include <vector>

namespace daetalker {

constexpr int dataset_version = 3;

struct DatasetPiece {
  std::string name;
  std::uint64_t first = 0; // frame of the clip
  std::uint64_t frames = 0;
};

struct DatasetClip {
  std::string name;
  std::string source; // path of the footage as it was given
  std::string source_sha256;
  std::uint64_t frames = 0;
  std::uint64_t samples = 0;
  cv::Size source_size;
  cv::Rect crop;                        // in pixels of the source
  std::vector<DatasetPiece> pieces;     // what can be used, once the files are there
  std::vector<std::string> refused;     // why it is not used; empty: it is
  std::vector<std::string> notes;       // used, but worth knowing
  std::optional<ClipMeasures> measures; // none if it could not be read
};

struct DatasetIndex {
  nlohmann::json settings; // what the clips depend on
  std::vector<DatasetClip> clips;

  DatasetClip *find_source (const std::string &sha256);
  DatasetClip *find_name (const std::string &name);
  const DatasetPiece *find_piece (const std::string &name) const;

  // Of the clips that are prepared and not refused.
  std::vector<std::string> usable_pieces () const;
};

std::string dataset_index_path (const std::string &dataset);
// Without the extension.
std::string dataset_clip_path (const std::string &dataset, const std::string &name);

// Throws Error: not_found, unreadable, corrupt.
DatasetIndex load_dataset_index (const std::string &dataset);

// The file changes in one step.  Throws Error (unreadable, failed).
void save_dataset_index (const std::string &dataset, const DatasetIndex &index);

} // namespace daetalker
