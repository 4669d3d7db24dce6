// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/train_speech2latent.h"

#include <array>
#include <ATen/CPUGeneratorImpl.h>
#include <cmath>
#include <filesystem>
#include <torch/utils.h>

#include "models/engine/chunker.h"
#include "models/nn/speech2latent.h"
#include "models/nn/weights.h"
#include "models/studio/training/fit_eigenfaces.h"
#include "models/studio/training/lip_reading.h"
#include "models/studio/training/optimizer.h"
#include "models/studio/training/train_log.h"
#include "models/studio/training/train_loop.h"
#include "models/studio/training/work_file.h"
#include "models/studio/training/write_mouth_book.h"

namespace daetalker {

using torch::Tensor;

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
  network.conformer.scale_input = false;
  network.conformer.causal = true;
  network.conformer.dropout = 0.2;
}

namespace {

struct Segments {
  Tensor features; // [B, 2 * T, F]
  Tensor latents;  // [B, T, Z] normalised
  Tensor pose;     // [B, T, 3]
  Tensor glide;    // [B, T, 3], the pose without what is faster than a head
  Tensor lips;     // [B, T, 40]
};

// pose: [T, 3].  A pose from landmarks trembles with the jaw: a network that is given it
// as it is reads the mouth from it, and misses it where the pose is another one.
Tensor
glide_of (const Tensor &pose, int64_t frames)
{
  const int64_t reach = frames / 2;
  const Tensor rows = pose.t ().unsqueeze (0);
  return torch::avg_pool1d (rows, 2 * reach + 1, 1, reach, false, false)[0].t ();
}

// The network sees no later frame, so a frame of a segment is computed from what run
// time knows, and all of them teach; those at a segment's begin know little, as those
// at a stream's do.
class SegmentSampler {
public:
  SegmentSampler (const SequenceSet &set, const Speech2LatentTraining &options,
                  Speech2Latent &network)
      : set_ (set), options_ (options),
        generator_ (at::detail::createCPUGenerator (options.seed))
  {
    torch::NoGradGuard guard;
    int64_t longest = 0;
    for (const Sequence &sequence : set.training) {
      targets_.push_back (network->normalise (sequence.latents));
      glides_.push_back (glide_of (sequence.pose, options.pose_smoothing));
      longest = std::max (longest, sequence.latents.size (0));
    }
    for (const Sequence &sequence : set.others) {
      other_targets_.push_back (network->normalise (sequence.latents));
      other_glides_.push_back (glide_of (sequence.pose, options.pose_smoothing));
    }
    length_ = std::min<int64_t> (options.segment, longest);
    std::vector<Tensor> features;
    for (const Sequence &sequence : set.training)
      features.push_back (sequence.features);
    deviation_ = torch::cat (features).std (0);
  }

  LipReading lip_reading () const
  {
    std::vector<Tensor> lips;
    for (const Sequence &sequence : set_.training)
      lips.push_back (sequence.lips);
    return LipReading (torch::cat (targets_), torch::cat (lips));
  }

  Segments next ()
  {
    const int64_t others_of_1000 = int64_t (1000 * options_.others_share);
    std::vector<Tensor> features, latents, pose, glide, lips;
    while (int64_t (features.size ()) < options_.batch) {
      const bool other = !set_.others.empty () && draw (1000) < others_of_1000;
      const std::vector<Sequence> &sequences = other ? set_.others : set_.training;
      const size_t index = size_t (draw (int64_t (sequences.size ())));
      const Sequence &sequence = sequences[index];
      const int64_t frames = sequence.latents.size (0);
      if (frames < length_)
        continue;
      const int64_t first = draw (frames - length_ + 1);
      features.push_back (sequence.features.narrow (0, 2 * first, 2 * length_));
      latents.push_back (
          (other ? other_targets_ : targets_)[index].narrow (0, first, length_));
      pose.push_back (sequence.pose.narrow (0, first, length_));
      glide.push_back (
          (other ? other_glides_ : glides_)[index].narrow (0, first, length_));
      lips.push_back (sequence.lips.narrow (0, first, length_));
    }
    const Tensor heard = torch::stack (features);
    return {heard + options_.feature_noise * deviation_ * torch::randn_like (heard),
            torch::stack (latents), torch::stack (pose), torch::stack (glide),
            torch::stack (lips)};
  }

private:
  int64_t draw (int64_t below)
  {
    return torch::randint (below, {1}, generator_, torch::kLong).item<int64_t> ();
  }

  const SequenceSet &set_;
  const Speech2LatentTraining &options_;
  at::Generator generator_;
  std::vector<Tensor> targets_, other_targets_, glides_, other_glides_;
  int64_t length_ = 0; // frames of a segment
  Tensor deviation_;   // [F], of the features
};

// No further back than at run time, or the network learns to lean on what it will not
// hear.
Tensor
heard (int64_t frames, const Window &window)
{
  return torch::ones ({1, frames, frames}, torch::kBool).triu (-window.left);
}

// Latents and predicted pose of a whole sequence, as at run time.
Speech2LatentImpl::Output
stream (Speech2Latent &network, const Sequence &sequence, const Window &window)
{
  if (auto past = network->new_past (window.left)) {
    const Tensor h = network->encode (sequence.features.unsqueeze (0), {}, &*past);
    const Tensor predicted = network->predict_pose (h, &*past);
    return {network->decode (h, predicted, {}, &*past)[0], predicted[0]};
  }
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

// How two courses of one clip go together.
struct Likeness {
  double correlation;
  double amplitude; // standard deviation of `made` over that of `real`
};

Likeness
likeness (const Tensor &made, const Tensor &real)
{
  const Tensor a = made - made.mean (), b = real - real.mean ();
  const double aa = a.square ().sum ().item<double> ();
  const double bb = b.square ().sum ().item<double> ();
  const double ab = (a * b).sum ().item<double> ();
  return {ab / std::sqrt (std::max (aa * bb, 1e-12)),
          std::sqrt (aa / std::max (bb, 1e-12))};
}

// As frame_latents () notes it.  The UNet may be trained on: latents stay the same.
std::string
maker_of_latents (const std::string &work)
{
  Metadata metadata;
  load_tensors (work + "/latents.safetensors", &metadata);
  return metadata["encoder"];
}

class SpeechTrainer {
public:
  SpeechTrainer (const SequenceSet &set, const Tensor &importance,
                 const std::string &work, const std::string &autoencoder,
                 const Speech2LatentTraining &options)
      : set_ (set), importance_ (importance), options_ (options), work_ (work),
        latents_of_ (maker_of_latents (work)),
        eigenfaces_ (read_eigenfaces (autoencoder)), network_ (make_network ()),
        adam_ (*network_, AdamOptions ()), sampler_ (set, options_, network_),
        lip_reading_ (sampler_.lip_reading ()), log_ (work, "speech2latent")
  {
    loop_.of_minutes = options.minutes;
    loop_.checkpoint_minutes = options.checkpoint_minutes;
    resume ();
  }

  nlohmann::json run ()
  {
    network_->train ();
    std::array<double, 3> sums{};
    nlohmann::json figures;
    const auto one_step = [&] {
      const std::array<double, 3> losses = step ();
      for (size_t i = 0; i < sums.size (); i++)
        sums[i] += losses[i] / report_every;
      if (adam_.steps () % report_every == 0) {
        report (sums);
        sums = {};
      }
    };
    loop_.run (one_step, [&] { figures = save (); });
    save_errors ();
    return figures;
  }

private:
  static constexpr int report_every = 100;

  Speech2Latent make_network ()
  {
    options_.network.feature_size = int (set_.training.at (0).features.size (1));
    options_.network.latent_size = int (set_.latent_mean.size (0));
    torch::manual_seed (options_.seed);
    Speech2Latent network (options_.network);
    network->set_latent_statistics (set_.latent_mean, set_.latent_std);
    return network;
  }

  // Losses of latents, lips and pose.
  std::array<double, 3> step ()
  {
    adam_.set_learning_rate (
        learning_rate_at (options_.learning_rate, adam_.steps (), loop_.done ()));
    const Segments segments = sampler_.next ();
    const auto output =
        network_->forward (segments.features, segments.glide,
                           heard (segments.latents.size (1), options_.window));
    const Tensor latents =
        ((output.latents - segments.latents).square () * importance_).mean ();
    const Tensor lips = lip_reading_.error (output.latents, segments.lips).mean ();
    const Tensor pose = ((output.pose - segments.pose) / 5).square ().sum (2).mean ();
    Tensor loss =
        latents + options_.lip_weight * lips + options_.pose_weight * 0.1 * pose;
    loss.backward ();
    adam_.step ();
    return {latents.item<double> (), lips.item<double> (), pose.item<double> ()};
  }

  void report (const std::array<double, 3> &losses)
  {
    log_.progress ("speech2latent", loop_.minutes, loop_.of_minutes,
                   {{"latents", losses[0]}, {"lips", losses[1]}, {"pose", losses[2]}});
    log_.write ({{"step", adam_.steps ()},
                 {"minutes", loop_.minutes},
                 {"latent_loss", losses[0]},
                 {"lip_loss", losses[1]},
                 {"pose_loss", losses[2]}});
  }

  // With the averaged weights, on clips that were held out: the share of the latents'
  // (weighted) variance that is predicted; mouths as the latents tell them, beside the
  // landmarks; the pose's error in degrees.
  nlohmann::json validate (Speech2Latent &network) const
  {
    torch::NoGradGuard guard;
    double error = 0, variance = 0, pose_error = 0, correlation = 0, amplitude = 0;
    int64_t frames = 0;
    for (const Sequence &sequence : set_.held_out) {
      auto output = stream (network, sequence, options_.window);
      Tensor target = network->normalise (sequence.latents);
      error += ((output.latents - target).square () * importance_).sum ().item<double> ();
      variance += ((target - target.mean (0, true)).square () * importance_)
                      .sum ()
                      .item<double> ();
      pose_error += (output.pose - sequence.pose).abs ().sum ().item<double> () / 3;
      frames += sequence.latents.size (0);
      const Likeness mouth = likeness (mouth_opening (lip_reading_.read (output.latents)),
                                       mouth_opening (sequence.lips));
      correlation += mouth.correlation;
      amplitude += mouth.amplitude;
    }
    const double clips = double (set_.held_out.size ());
    return {{"explained_variance", 1 - error / variance},
            {"mouth_opening_correlation", correlation / clips},
            {"mouth_opening_amplitude", amplitude / clips},
            {"pose_error_degrees", pose_error / double (frames)},
            {"step", adam_.steps ()},
            {"minutes", loop_.minutes}};
  }

  // The averaged weights, stretched, with the book of mouths.
  Speech2Latent finished ()
  {
    torch::NoGradGuard guard;
    Speech2LatentConfig config = options_.network;
    if (eigenfaces_)
      config.mouth_book.pages =
          int (std::min<int64_t> (options_.mouth_pages, training_frames (set_)));
    Speech2Latent averaged (config);
    if (config.mouth_book.pages > 0)
      write_mouth_book (averaged->mouth_book (), eigenfaces_, set_);
    averaged->set_latent_statistics (set_.latent_mean, set_.latent_std);
    TensorMap weights = adam_.averaged ();
    for (auto &item : averaged->named_parameters ())
      item.value ().copy_ (weights.at (item.key ()));
    for (const char *name : {"projection.weight", "projection.bias"})
      averaged->named_parameters ()[name].mul_ (options_.stretch);
    averaged->eval ();
    return averaged;
  }

  void save_errors ()
  {
    torch::NoGradGuard guard;
    Speech2Latent network = finished ();
    Tensor errors = torch::zeros ({set_.frames, set_.latent_mean.size (0)});
    for (const Sequence &sequence : set_.training) {
      const auto output = network->forward (
          sequence.features.unsqueeze (0),
          glide_of (sequence.pose, options_.pose_smoothing).unsqueeze (0),
          heard (sequence.latents.size (0), options_.window));
      errors.narrow (0, sequence.first, sequence.latents.size (0))
          .copy_ (network->denormalise (output.latents[0]) - sequence.latents);
    }
    save_tensors (work_ + "/speech2latent.errors.safetensors", {{"errors", errors}},
                  {{"encoder", latents_of_}});
  }

  nlohmann::json save ()
  {
    torch::NoGradGuard guard;
    Speech2Latent averaged = finished ();
    nlohmann::json figures = validate (averaged);
    log_.write (figures);
    save_tensors (work_ + "/speech2latent.safetensors", named_weights (*averaged),
                  {{"network", nlohmann::json (averaged->config ()).dump ()}});
    save_tensors (state_path (), adam_.state (),
                  {{"step", std::to_string (adam_.steps ())},
                   {"minutes", std::to_string (loop_.minutes)},
                   {"encoder", latents_of_}});
    return figures;
  }

  std::string state_path () const { return work_ + "/speech2latent.state.safetensors"; }

  void resume ()
  {
    if (!std::filesystem::exists (state_path ()))
      return;
    Metadata metadata;
    TensorMap state = load_tensors (state_path (), &metadata);
    if (metadata["encoder"] != latents_of_)
      return; // other latents
    adam_.load_state (state, int64_t (number_of (metadata, "step", state_path ())),
                      state_path ());
    loop_.minutes = number_of (metadata, "minutes", state_path ());
  }

  const SequenceSet &set_;
  const Tensor importance_;
  Speech2LatentTraining options_;
  const std::string work_;
  const std::string latents_of_; // fingerprint of what makes latents
  Eigenfaces eigenfaces_;        // empty if latents are of an encoder
  Speech2Latent network_;
  MasterAdam adam_;
  SegmentSampler sampler_;
  LipReading lip_reading_;
  TrainLog log_;
  TrainLoop loop_;
};

} // namespace

nlohmann::json
train_speech2latent (const SequenceSet &set, const Tensor &importance,
                     const std::string &work, const std::string &autoencoder,
                     const Speech2LatentTraining &options)
{
  std::filesystem::create_directories (work);
  return SpeechTrainer (set, importance, work, autoencoder, options).run ();
}

} // namespace daetalker
