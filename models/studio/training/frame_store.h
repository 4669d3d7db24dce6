// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The frames of a prepared dataset, decoded once into one mapped file, so that
// training draws them at random without a decoder; with landmarks and poses.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

namespace daetalker {

struct Clip {
  std::string name;
  std::string video; // path of clips/NAME.mkv
  int64_t first = 0; // index of its first frame in the store
  int64_t frames = 0;
  bool held_out = false;
};

class FrameStore {
public:
  // Reads `dataset` (as `daetalker prepare` wrote it) and decodes what is not yet
  // in `cache` (a folder).  The `held_out` clips that are spread evenly over the
  // sorted names are kept from training.  Throws Error: not_found, corrupt,
  // wrong_model (a dataset that changed under its cache).
  FrameStore (const std::string &dataset, const std::string &cache, int held_out);

  const std::vector<Clip> &clips () const { return clips_; }
  int64_t frames () const { return landmarks_.size (0); }
  int side () const { return side_; }

  // Indices of all frames that may be trained on / that are held out.
  const torch::Tensor &training () const { return training_; }
  const torch::Tensor &validation () const { return validation_; }

  // uint8 [B, side, side, 3] of int64 indices [B].
  torch::Tensor pictures (const torch::Tensor &indices) const;

  const torch::Tensor &landmarks () const { return landmarks_; } // [N, 68, 2] pixels
  const torch::Tensor &poses () const { return poses_; }         // [N, 3] degrees

private:
  int side_ = 0;
  std::vector<Clip> clips_;
  torch::Tensor pixels_; // uint8 [N, side, side, 3], the mapped file
  torch::Tensor landmarks_, poses_, training_, validation_;
};

} // namespace daetalker
