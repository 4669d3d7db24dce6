// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/fit_idle.h"

#include <algorithm>
#include <cmath>
#include <torch/utils.h>

namespace daetalker {

using torch::Tensor;

namespace {

// Frames around the moment at which the eyes are most closed, half a second in all: eyes
// open more slowly than they close.
constexpr int64_t before = 5, after = 7;

// landmarks: [T, 68, 2] -> [T], the sum of both eyes.
Tensor
eye_aspect_ratios (const Tensor &landmarks)
{
  const auto distance = [&] (int64_t a, int64_t b) {
    return (landmarks.select (1, a) - landmarks.select (1, b)).norm (2, 1);
  };
  Tensor sum = torch::zeros ({landmarks.size (0)});
  for (const int64_t eye : {36, 42})
    sum += (distance (eye + 1, eye + 5) + distance (eye + 2, eye + 4)) /
           (2 * distance (eye, eye + 3)).clamp_min (1e-6);
  return sum;
}

struct Blink {
  int64_t frame;  // of the clip, at which the eyes are most closed
  float openness; // there, beside the median
};

std::vector<Blink>
find_blinks (const Tensor &landmarks)
{
  const Tensor ratios = eye_aspect_ratios (landmarks);
  const Tensor openness = (ratios / ratios.median ().clamp_min (1e-6)).contiguous ();
  const float *values = openness.data_ptr<float> ();
  std::vector<Blink> blinks;
  bool shut = false;
  for (int64_t f = 0; f < openness.numel (); f++) {
    if (values[f] >= 0.75f) {
      shut = false;
      continue;
    }
    if (!shut)
      blinks.push_back ({f, values[f]});
    else if (values[f] < blinks.back ().openness)
      blinks.back () = {f, values[f]};
    shut = true;
  }
  return blinks;
}

// The latents around a blink less what they would be between its two ends.
Tensor
change_at (const Tensor &latents, int64_t frame)
{
  const Tensor course = latents.narrow (0, frame - before, before + after + 1);
  const Tensor share = torch::linspace (0, 1, course.size (0)).unsqueeze (1);
  return course - torch::lerp (course[0], course[-1], share);
}

Pose
sway_of (const FrameStore &store)
{
  constexpr int64_t smooth = 9; // frames
  std::vector<Tensor> poses;
  for (const Clip &clip : store.clips ()) {
    if (clip.held_out || clip.frames < smooth)
      continue;
    const Tensor pose = store.poses ().narrow (0, clip.first, clip.frames);
    const Tensor glide = torch::avg_pool1d (pose.t ().unsqueeze (0), smooth, 1)[0].t ();
    poses.push_back (glide - glide.mean (0, true));
  }
  if (poses.empty ())
    return {};
  const Tensor deviation = torch::cat (poses).square ().mean (0).sqrt ();
  return {deviation[0].item<float> (), deviation[1].item<float> (),
          deviation[2].item<float> ()};
}

struct Change {
  float openness;
  Tensor latents; // [before + after + 1, Z]
};

std::vector<Tensor>
deepest (std::vector<Change> changes, double share)
{
  std::sort (changes.begin (), changes.end (),
             [] (const Change &a, const Change &b) { return a.openness < b.openness; });
  changes.resize (size_t (std::ceil (share * double (changes.size ()))));
  std::vector<Tensor> latents;
  for (const Change &change : changes)
    latents.push_back (change.latents);
  return latents;
}

// The blink that is most like all of them.
Tensor
typical (const std::vector<Tensor> &blinks, const EyesInLatents *eyes)
{
  Tensor all = torch::stack (blinks);
  if (eyes != nullptr)
    all = torch::matmul (all, eyes->within);
  const Tensor look = (eyes != nullptr ? all * eyes->weights : all).flatten (1);
  return all[torch::cdist (look, look).mean (1).argmin ().item<int64_t> ()];
}

} // namespace

IdleFit
fit_idle (const FrameStore &store, const Tensor &latents, const EyesInLatents *eyes)
{
  torch::NoGradGuard guard;
  std::vector<Change> changes;
  int64_t count = 0, frames = 0;
  for (const Clip &clip : store.clips ()) {
    if (clip.held_out)
      continue;
    frames += clip.frames;
    const Tensor own = latents.narrow (0, clip.first, clip.frames);
    for (const Blink &blink :
         find_blinks (store.landmarks ().narrow (0, clip.first, clip.frames))) {
      count++;
      if (blink.frame >= before && blink.frame + after < clip.frames)
        changes.push_back ({blink.openness, change_at (own, blink.frame)});
    }
  }
  IdleFit fit;
  fit.idle.sway = sway_of (store);
  if (changes.empty ())
    return fit;

  constexpr double frames_a_minute = 25 * 60;
  fit.idle.blinks_per_minute = double (count) * frames_a_minute / double (frames);
  const Tensor shown = typical (deepest (changes, 0.25), eyes).contiguous ();
  // Its ends are zero.
  for (int64_t f = 1; f + 1 < shown.size (0); f++) {
    const float *row = shown[f].data_ptr<float> ();
    fit.idle.blink.emplace_back (row, row + shown.size (1));
  }
  // Where all of them go on average: one alone goes elsewhere, too.
  const Tensor mean = torch::stack (deepest (changes, 0.5)).mean (0);
  const Tensor furthest = mean[mean.norm (2, 1).argmax ().item<int64_t> ()];
  fit.shutting = furthest / furthest.norm ().clamp_min (1e-9);
  return fit;
}

} // namespace daetalker
