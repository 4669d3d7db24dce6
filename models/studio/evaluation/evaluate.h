// SPDX-License-Identifier: LGPL-2.1-or-later
//
// `daetalker evaluate`: an avatar beside real clips that it was not trained on.
// docs/evaluation.md says what each figure is.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace daetalker {

struct EvaluationOptions {
  std::string avatar;             // folder or name; empty: the one that ships
  std::string dataset;            // as `daetalker prepare` wrote it
  std::vector<std::string> clips; // names; empty: those that the avatar held out
  std::string alignments;         // folder of NAME.align, or empty
  std::string output;        // folder for report.json, frames.png and side-by-side.mkv
  int many_steps_frames = 4; // also rendered with 100 steps; 0: none
  int footage_frames = 2000; // of its training, to find the nearest in; 0: none
  bool allow_unconsented = false;
};

// What is measured goes through the networks as at run time: the clip's pictures
// through image encoder and renderer, the clip's sound through speech encoder,
// speech2latent and renderer.  Returns the figures, means over the clips:
// {"clips": [names], "reconstruction": {..}, "speech": {..}, "real": {..},
// "mean_frame": {..}, "nearest_frame": {..}, "reencoded": {..}}, and writes them to
// `output`/report.json; of the first eight clips real, reconstructed and spoken pictures
// beside each other, one frame of each to frames.png and all to side-by-side.mkv.
//
// Throws Error: not_found (avatar, dataset, a clip, an element), wrong_model (no clips).
nlohmann::json evaluate_avatar (const EvaluationOptions &options);

} // namespace daetalker
