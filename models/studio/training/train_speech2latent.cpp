// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/train_speech2latent.h"

#include <ATen/CPUGeneratorImpl.h>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "models/engine/chunker.h"
#include "models/nn/diffusion.h"
#include "models/nn/precision.h"
#include "models/nn/speech2latent.h"
#include "models/nn/unet.h"
#include "models/nn/weights.h"
#include "models/studio/training/optimizer.h"
#include "models/studio/training/region_weights.h"
#include "models/studio/training/train_log.h"

namespace daetalker {

using torch::Tensor;
using Clock = std::chrono::steady_clock;

Speech2LatentTraining::Speech2LatentTraining ()
{
  // Half an hour of one person trains no more than this.
  network.pose_hidden = 64;
  network.pose_scale = 10; // heads that talk turn a few degrees
  network.conformer.size = 192;
  network.conformer.heads = 4;
  network.conformer.feed_forward = 512;
  network.conformer.kernel = 7;
  network.conformer.blocks = 2;
  network.conformer.pre_norm = true;
}

Tensor
latent_importance (const FrameStore &store, const std::string &autoencoder,
                   const std::string &noise_file, const SequenceSet &set)
{
  torch::NoGradGuard guard;
  Metadata metadata;
  TensorMap weights = load_tensors (autoencoder, &metadata);
  auto config = nlohmann::json::parse (metadata.at ("network")).get<AutoencoderConfig> ();
  UNet unet (config.unet);
  load_weights (*unet, without_prefix (weights, "unet."), autoencoder);
  torch::ScalarType type = has_fast_bfloat16 () ? torch::kBFloat16 : torch::kFloat;
  convert_convolutions (*unet, type);
  unet->eval ();
  int patch = config.unet.patch;
  Tensor noise =
      to_patches (load_tensors (noise_file).at ("x_T").to (torch::kFloat).unsqueeze (0),
                  patch)
          .to (type);
  Tensor t = torch::full ({1}, diffusion_steps - 1, torch::kFloat);
  // The mean face's landmarks say where its mouth is.
  Tensor region = region_weights (store.landmarks ().mean (0, true), store.side (), patch,
                                  RegionGains ());

  int64_t size = set.latent_mean.size (0);
  constexpr int64_t batch = 16, bases = 3;
  Tensor total = torch::zeros ({size});
  for (int64_t b = 0; b < bases; b++) {
    const Sequence &sequence = set.training[size_t (b) * set.training.size () / bases];
    Tensor base = sequence.latents[sequence.latents.size (0) / 2];
    auto render = [&] (const Tensor &z) {
      return unet
          ->forward_patches (noise.expand ({z.size (0), -1, -1, -1})
                                 .contiguous (at::MemoryFormat::ChannelsLast),
                             t, z)
          .to (torch::kFloat);
    };
    Tensor picture = render (base.unsqueeze (0));
    for (int64_t first = 0; first < size; first += batch) {
      int64_t count = std::min (batch, size - first);
      Tensor moved = base.repeat ({count, 1});
      for (int64_t i = 0; i < count; i++)
        moved[i][first + i] += set.latent_std[first + i];
      Tensor change = (render (moved) - picture).pow (2) * region;
      total.narrow (0, first, count) += change.mean ({1, 2, 3});
    }
  }
  total = total / total.mean ();
  return (0.02 + 0.98 * total).clamp_max (50);
}

namespace {

struct Windows {
  Tensor features;   // [B, 2 * T, F]
  Tensor latents;    // [B, T, Z] normalised
  Tensor pose;       // [B, T, 3]
  int64_t kept = 0;  // first frame that run time keeps of the window
  int64_t count = 1; // how many it keeps
};

class WindowSampler {
public:
  WindowSampler (const SequenceSet &set, const Speech2LatentTraining &options,
                 Speech2Latent &network)
      : set_ (set), options_ (options),
        generator_ (at::detail::createCPUGenerator (options.seed))
  {
    torch::NoGradGuard guard;
    for (const Sequence &sequence : set.training)
      targets_.push_back (network->normalise (sequence.latents));
  }

  // Windows as run time cuts them.  One batch in six lies at the start of the
  // stream, where there is less context on the left, or at its end.
  Windows next ()
  {
    const Window &window = options_.window;
    int64_t left = window.left, right = window.right;
    int64_t kind = draw (12);
    if (kind == 0)
      left = draw (window.left);
    else if (kind == 1)
      right = draw (window.right + 1);
    Windows result;
    result.kept = left;
    result.count = window.chunk;
    int64_t length = left + window.chunk + right;
    std::vector<Tensor> features, latents, pose;
    while (int64_t (features.size ()) < options_.batch) {
      size_t index = size_t (draw (int64_t (set_.training.size ())));
      const Sequence &sequence = set_.training[index];
      int64_t frames = sequence.latents.size (0);
      if (frames < length)
        continue;
      int64_t first = kind == 0   ? 0
                      : kind == 1 ? frames - length
                                  : draw (frames - length + 1);
      features.push_back (sequence.features.narrow (0, 2 * first, 2 * length));
      latents.push_back (targets_[index].narrow (0, first, length));
      pose.push_back (sequence.pose.narrow (0, first, length));
    }
    result.features = torch::stack (features);
    result.latents = torch::stack (latents);
    result.pose = torch::stack (pose);
    return result;
  }

private:
  int64_t draw (int64_t below)
  {
    return torch::randint (below, {1}, generator_, torch::kLong).item<int64_t> ();
  }

  const SequenceSet &set_;
  const Speech2LatentTraining &options_;
  at::Generator generator_;
  std::vector<Tensor> targets_;
};

// Latents and predicted pose of a whole sequence, chunk by chunk as at run time.
Speech2LatentImpl::Output
stream (Speech2Latent &network, const Sequence &sequence, const Window &window)
{
  std::vector<Tensor> latents, pose;
  int64_t total = sequence.latents.size (0);
  for (int64_t begin = 0; begin < total; begin += window.chunk) {
    Chunk chunk = chunk_at (window, begin, total);
    int64_t end = std::min (chunk.window_end, total);
    Tensor features =
        sequence.features.slice (0, 2 * chunk.window_begin, 2 * end).unsqueeze (0);
    Tensor h = network->encode (features);
    Tensor predicted = network->predict_pose (h);
    int64_t from = chunk.begin - chunk.window_begin, to = chunk.end - chunk.window_begin;
    latents.push_back (network->decode (h, predicted)[0].slice (0, from, to));
    pose.push_back (predicted[0].slice (0, from, to));
  }
  return {torch::cat (latents), torch::cat (pose)};
}

// The share of the latents' (weighted) variance that is foretold, and the pose's
// error in degrees, on clips that were held out.
nlohmann::json
validate (Speech2Latent &network, const SequenceSet &set, const Tensor &importance,
          const Window &window)
{
  torch::NoGradGuard guard;
  network->eval ();
  double error = 0, variance = 0, pose_error = 0;
  int64_t frames = 0;
  for (const Sequence &sequence : set.held_out) {
    auto output = stream (network, sequence, window);
    Tensor target = network->normalise (sequence.latents);
    error += ((output.latents - target).pow (2) * importance).sum ().item<double> ();
    variance +=
        ((target - target.mean (0, true)).pow (2) * importance).sum ().item<double> ();
    pose_error += (output.pose - sequence.pose).abs ().sum ().item<double> () / 3;
    frames += sequence.latents.size (0);
  }
  network->train ();
  return {{"explained_variance", 1 - error / variance},
          {"pose_error_degrees", pose_error / double (frames)}};
}

} // namespace

nlohmann::json
train_speech2latent (const SequenceSet &set, const Tensor &importance,
                     const std::string &work, const Speech2LatentTraining &given)
{
  std::filesystem::create_directories (work);
  Speech2LatentTraining options = given;
  options.network.feature_size = int (set.training.at (0).features.size (1));
  options.network.latent_size = int (set.latent_mean.size (0));
  torch::manual_seed (options.seed);
  Speech2Latent network (options.network);
  network->set_latent_statistics (set.latent_mean, set.latent_std);
  AdamOptions adam_options;
  adam_options.learning_rate = options.learning_rate;
  MasterAdam adam (*network, adam_options);
  WindowSampler sampler (set, options, network);
  TrainLog log (work + "/speech2latent.jsonl");
  network->train ();

  Clock::time_point start = Clock::now ();
  double loss_sum = 0, pose_sum = 0;
  nlohmann::json figures;
  double minutes = 0;
  while (minutes < options.minutes) {
    minutes = std::chrono::duration<double> (Clock::now () - start).count () / 60;
    double done = std::min (1.0, minutes / options.minutes);
    double warm = std::min (1.0, (adam.steps () + 1) / 200.0);
    adam.set_learning_rate (options.learning_rate * warm *
                            (0.05 + 0.95 * 0.5 * (1 + std::cos (M_PI * done))));
    Windows windows = sampler.next ();
    auto output = network->forward (windows.features, windows.pose);
    // Frames that run time throws away teach too, a little: they are many, and
    // their contexts are not the ones that count.
    Tensor weight = torch::full ({windows.latents.size (1)}, 0.05);
    weight.narrow (0, windows.kept, windows.count).fill_ (1);
    weight = (weight / weight.sum ()).view ({1, -1, 1});
    Tensor latent_loss =
        ((output.latents - windows.latents).pow (2) * importance * weight)
            .sum (1)
            .mean ();
    Tensor pose_loss =
        (((output.pose - windows.pose) / 5).pow (2) * weight).sum (1).mean ();
    Tensor loss = latent_loss + options.pose_weight * 0.1 * pose_loss;
    loss.backward ();
    adam.step ();
    loss_sum += latent_loss.item<double> ();
    pose_sum += pose_loss.item<double> ();
    if (adam.steps () % 100 == 0) {
      log.progress ("speech2latent", minutes, options.minutes,
                    {{"latents", loss_sum / 100}, {"pose", pose_sum / 100}});
      nlohmann::json entry = {{"step", adam.steps ()},
                              {"minutes", minutes},
                              {"latent_loss", loss_sum / 100},
                              {"pose_loss", pose_sum / 100}};
      if (adam.steps () % 1000 == 0)
        entry.update (validate (network, set, importance, options.window));
      log.write (entry);
      loss_sum = pose_sum = 0;
    }
  }

  {
    torch::NoGradGuard guard;
    TensorMap averaged = adam.averaged ();
    for (auto &item : network->named_parameters ())
      item.value ().copy_ (averaged.at (item.key ()));
  }
  figures = validate (network, set, importance, options.window);
  figures["steps"] = adam.steps ();
  log.write (figures);
  save_tensors (work + "/speech2latent.safetensors", named_weights (*network),
                {{"network", nlohmann::json (options.network).dump ()}});
  return figures;
}

} // namespace daetalker
