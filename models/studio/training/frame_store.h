// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The frames and the sound of a prepared dataset, decoded once into mapped files, so
// that training draws them at random without a decoder; with landmarks and poses.
#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

namespace daetalker {

// A piece of the dataset.
struct Clip {
  std::string name;
  std::string video; // path of clips/NAME.mkv
  int64_t first = 0; // index of its first frame in the store
  int64_t frames = 0;
  bool held_out = false;
};

// The clips that are kept from training, for the figures.
struct HeldOut {
  int count = 0;                  // spread evenly over the sorted names; 0: a tenth of
                                  // them, 40 at most
  std::vector<std::string> names; // these instead, as far as the dataset has them
};

class FrameStore {
public:
  // Reads `dataset` (as `daetalker prepare` wrote it) and decodes what is not yet
  // in `cache` (a folder).  Which clips are held out is written into the cache's
  // held-out.txt and stays so.  Throws Error: not_found, corrupt, wrong_model (a
  // dataset that changed under its cache, nothing to hold out or to train on).
  FrameStore (const std::string &dataset, const std::string &cache,
              const HeldOut &held_out);

  const std::vector<Clip> &clips () const { return clips_; }
  int64_t frames () const { return landmarks_.size (0); }
  std::vector<std::string> held_out_names () const;
  int side () const { return side_; }

  // Indices of all frames that may be trained on / that are held out.
  const torch::Tensor &training () const { return training_; }
  const torch::Tensor &validation () const { return validation_; }

  // uint8 [B, side, side, 3] of int64 indices [B].
  torch::Tensor pictures (const torch::Tensor &indices) const;

  // int16 [frames * 640] at 16 kHz, from the clip's first frame on.
  torch::Tensor speech (const Clip &clip) const;

  const torch::Tensor &landmarks () const { return landmarks_; } // [N, 68, 2] pixels
  const torch::Tensor &poses () const { return poses_; }         // [N, 3] degrees

private:
  void choose_held_out (const std::string &dataset, const std::string &cache,
                        const HeldOut &wanted);

  int side_ = 0;
  std::vector<Clip> clips_;
  torch::Tensor pixels_; // uint8 [N, side, side, 3], a mapped file
  torch::Tensor speech_; // int16 [N * 640], a mapped file
  torch::Tensor landmarks_, poses_, training_, validation_;
};

} // namespace daetalker
