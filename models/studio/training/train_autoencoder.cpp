// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/train_autoencoder.h"

#include "models/engine.h"
#include "models/nn/precision.h"
#include "models/nn/weights.h"
#include "models/studio/training/adversary.h"
#include "models/studio/training/autoencoder.h"
#include "models/studio/training/autoencoder_validator.h"
#include "models/studio/training/detail_loss.h"
#include "models/studio/training/diffusion_batches.h"
#include "models/studio/training/fit_eigenfaces.h"
#include "models/studio/training/frame_latents.h"
#include "models/studio/training/latent_head.h"
#include "models/studio/training/narrow_unet.h"
#include "models/studio/training/optimizer.h"
#include "models/studio/training/patches.h"
#include "models/studio/training/reference_frames.h"
#include "models/studio/training/train_log.h"
#include "models/studio/training/whitening.h"
#include "models/studio/training/work_file.h"

#include <algorithm>
#include <ATen/CPUGeneratorImpl.h>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <future>
#include <torch/autograd.h>
#include <torch/utils.h>

namespace daetalker {

using torch::Tensor;
using Clock = std::chrono::steady_clock;

namespace {

double
minutes_since (Clock::time_point start)
{
  return std::chrono::duration<double> (Clock::now () - start).count () / 60;
}

Tensor
fixed_noise (const std::string &path, int side, uint64_t seed)
{
  if (std::filesystem::exists (path))
    return load_tensors (path).at ("x_T").to (torch::kFloat);
  Tensor noise = torch::randn ({3, side, side}, at::detail::createCPUGenerator (seed));
  save_tensors (path, {{"x_T", noise}});
  return noise;
}

class AutoencoderTrainer {
public:
  AutoencoderTrainer (const FrameStore &store, const std::string &work,
                      const AutoencoderTraining &options)
      : store_ (store), options_ (options), work_ (work),
        type_ (has_fast_bfloat16 () ? torch::kBFloat16 : torch::kFloat),
        noise_ (fixed_noise (work + "/noise.safetensors", store.side (), options.seed)),
        network_ (prepared_network (store, work, options, type_)),
        adam_ (*network_, adam_options (options)),
        adversary_ (AdversaryOptions (), type_, options.seed),
        validator_ (store, options.network, noise_, type_)
  {
    if (is_first ())
      log_ = std::make_unique<TrainLog> (work, "autoencoder");
    if (network_->encoder) {
      head_ = LatentHead (store, options.network.unet.style_channels);
      head_adam_ = std::make_unique<MasterAdam> (*head_, adam_options (options));
    }
    resume ();
    batches_ =
        std::make_unique<DiffusionBatches> (store, batch_options (options), noise_, type_,
                                            options.seed + 1 + uint64_t (adam_.steps ()));
  }

  void run ()
  {
    share ();
    if (encoder_frozen ())
      in_turn ([this] { latents (); });
    errors_ = speech_errors ();
    Clock::time_point start = Clock::now (), saved = start;
    double before = minutes_;
    double loss = 0, seconds = 0;
    int64_t since = 0;
    auto next = std::async (std::launch::async, [this] { return batches_->next (); });
    while (minutes_ < options_.minutes) {
      Clock::time_point step_start = Clock::now ();
      DiffusionBatch batch = next.get ();
      next = std::async (std::launch::async, [this] { return batches_->next (); });
      adam_.set_learning_rate (learning_rate ());
      if (minutes_ >= encoder_minutes () && encoder_minutes () > 0)
        finish_encoder ();
      double now = minutes_ < encoder_minutes () ? encoder_step (batch) : step (batch);
      seconds += std::chrono::duration<double> (Clock::now () - step_start).count ();
      loss += now;
      since++;
      minutes_ = agree (before + minutes_since (start));
      if (since == 50) {
        report (loss / since, since * options_.batch / seconds);
        loss = seconds = 0;
        since = 0;
      }
      if (minutes_since (saved) >= options_.checkpoint_minutes) {
        save ();
        saved = Clock::now ();
      }
    }
    next.wait ();
    save ();
  }

private:
  static AdamOptions adam_options (const AutoencoderTraining &options)
  {
    AdamOptions adam;
    adam.learning_rate = options.learning_rate;
    adam.workers = options.workers;
    return adam;
  }

  bool is_first () const { return !options_.workers || options_.workers->is_first (); }

  double agree (double value)
  {
    return options_.workers ? options_.workers->agree (value) : value;
  }

  void in_turn (const std::function<void ()> &work)
  {
    if (options_.workers)
      options_.workers->in_turn (work);
    else
      work ();
  }

  // The first one's state, and what is no parameter.
  void share ()
  {
    if (!options_.workers)
      return;
    adam_.share ();
    if (head_adam_)
      head_adam_->share ();
    minutes_ = agree (minutes_);
    encoder_done_ = agree (encoder_done_) != 0;
    options_.workers->share (network_->buffers ());
  }

  // Weights must have their final type and layout before the optimiser copies them.
  static Autoencoder prepared_network (const FrameStore &store, const std::string &work,
                                       const AutoencoderTraining &options,
                                       torch::ScalarType type)
  {
    torch::NoGradGuard guard;
    Autoencoder network (options.network);
    convert_convolutions (*network, type);
    if (const int count = options.network.unet.references)
      network->named_parameters ()["unet.references.pictures"].copy_ (
          reference_frames (store, count, options.seed));
    if (Eigenfaces eigenfaces = network->unet->eigenfaces ()) {
      if (options.init.empty ())
        fit_eigenfaces (eigenfaces, store, options.gains,
                        work + "/eigenfaces.safetensors");
      else
        load_weights (*eigenfaces,
                      without_prefix (load_tensors (options.init), "unet.eigenfaces."),
                      options.init);
    }
    return network;
  }

  static DiffusionBatchOptions batch_options (const AutoencoderTraining &options)
  {
    DiffusionBatchOptions batch;
    batch.size = options.batch;
    batch.one_step_share = options.one_step_share;
    batch.unet_patch = options.network.unet.patch;
    const bool frozen = options.freeze_encoder || options.network.unet.eigenfaces;
    batch.encoder_patch = frozen ? 0 : options.network.encoder.patch;
    batch.gains = options.gains;
    if (options.workers) {
      batch.part = options.workers->rank ();
      batch.parts = options.workers->size ();
    }
    return batch;
  }

  double learning_rate () const
  {
    double warm = std::min (1.0, (adam_.steps () + 1) / 200.0);
    // Both parts of the training end slowly.
    double border = encoder_minutes ();
    double done = minutes_ < border
                      ? minutes_ / border
                      : (minutes_ - border) / std::max (options_.minutes - border, 1e-3);
    done = std::min (1.0, done);
    double cosine = 0.5 * (1 + std::cos (M_PI * done));
    return options_.learning_rate * warm * (0.05 + 0.95 * cosine);
  }

  // z alone, against the head: a fifth of the cost of a step with the UNet.
  double encoder_step (const DiffusionBatch &batch)
  {
    Tensor z = network_->encoder->forward_patches (batch.for_encoder);
    Tensor loss = head_->loss (z, batch.frames);
    loss.backward ();
    adam_.step ();
    head_adam_->step ();
    return loss.item<double> ();
  }

  bool encoder_frozen () const
  {
    return !network_->encoder || options_.freeze_encoder || encoder_done_;
  }

  // A frozen encoder has no minutes of its own.
  double encoder_minutes () const
  {
    return !network_->encoder || options_.freeze_encoder
               ? 0
               : std::min (options_.encoder_minutes, options_.minutes);
  }

  // The adversary joins late: it sharpens what the regression has found.
  double adversary_minutes () const
  {
    return encoder_minutes () +
           options_.adversary_from * (options_.minutes - encoder_minutes ());
  }

  // Averaged weights from here on, and latents on equal axes.
  void finish_encoder ()
  {
    if (encoder_frozen ())
      return;
    torch::NoGradGuard guard;
    const std::string last = "encoder.out.3.";
    TensorMap weights = adam_.averaged ();
    adam_.start_from (weights, work_);
    Tensor seen = store_.training ();
    Tensor sample = seen.index_select (
        0, torch::linspace (0, double (seen.size (0) - 1), 2560).to (torch::kLong));
    std::vector<Tensor> latents;
    for (const Tensor &frames : sample.split (64))
      latents.push_back (network_->encoder->forward_patches (picture_patches (
          store_.pictures (frames), options_.network.encoder.patch, type_)));
    Tensor weight = weights.at (last + "weight").clone ();
    Tensor bias = weights.at (last + "bias").clone ();
    whiten_latents (torch::cat (latents), weight, bias);
    weights[last + "weight"] = weight;
    weights[last + "bias"] = bias;
    adam_.start_from (weights, work_);
    encoder_done_ = true;
  }

  double step (const DiffusionBatch &batch)
  {
    Tensor z = encoder_frozen () ? frozen_latents (batch.frames)
                                 : network_->encoder->forward_patches (batch.for_encoder);
    const auto [made, warped] = network_->unet->forward_patches (batch.noisy, batch.t, z);
    Tensor picture = made.detach ().requires_grad_ (true);
    Tensor loss = picture_loss (picture, batch);
    loss.backward ();
    // The picture is where all that is asked of it meets: one backward pass.
    Tensor rest = torch::zeros ({});
    if (warped.picture.defined ())
      rest = rest + options_.warp_weight * warp_loss (warped, batch);
    if (!encoder_frozen ())
      rest = rest + options_.head_weight * head_->loss (z, batch.frames);
    Tensor slope = picture.grad ();
    if (options_.adversary_weight > 0 && minutes_ >= adversary_minutes ())
      add_adversary (slope, picture.detach (), batch);
    if (rest.requires_grad ())
      torch::autograd::backward ({made, rest}, {slope, torch::ones ({})});
    else
      made.backward (slope);
    double value = loss.item<double> ();
    double norm = adam_.step ();
    if (!encoder_frozen ())
      head_adam_->step ();
    if (!std::isfinite (value) || !std::isfinite (norm))
      if (++bad_steps_ > 20)
        throw Error (ErrorCode::failed, work_, "the loss is not a number any more",
                     "Resume from the last checkpoint with half the learning rate");
    return value;
  }

  Tensor weighted (const Tensor &square, const DiffusionBatch &batch) const
  {
    const int patch = options_.network.unet.patch;
    return (torch::avg_pool2d (square.mean (1, true), patch) * batch.weights).mean ();
  }

  Tensor picture_loss (const Tensor &picture, const DiffusionBatch &batch) const
  {
    const Tensor error = weighted ((picture - batch.pictures).pow (2), batch);
    if (options_.detail_weight <= 0)
      return error;
    const Tensor detail =
        detail_loss (picture, batch.pictures, options_.network.unet.patch);
    return error + options_.detail_weight * (detail * batch.weights).mean ();
  }

  // Each reference is to be right where it is chosen (a mixture of experts, Jacobs et
  // al. 1991): the error of the blend alone would be content with blurred ghosts.
  Tensor warp_loss (const ReferenceWarpImpl::Output &warped,
                    const DiffusionBatch &batch) const
  {
    const Tensor &real = batch.pictures;
    return weighted (warped.square - 2 * real * warped.picture + real.pow (2), batch);
  }

  // Its slope is scaled to the regression's, so that neither takes over.
  void add_adversary (Tensor &slope, const Tensor &made, const DiffusionBatch &batch)
  {
    const int64_t first = options_.batch - batch.one_step;
    const Tensor verdict =
        adversary_.judge (made.narrow (0, first, batch.one_step),
                          batch.pictures.narrow (0, first, batch.one_step));
    Tensor part = slope.narrow (0, first, batch.one_step);
    const double scale = options_.adversary_weight * part.norm ().item<double> () /
                         std::max (verdict.norm ().item<double> (), 1e-30);
    part.add_ (verdict, scale);
  }

  // Of all frames, by the frozen encoder.
  const Tensor &latents ()
  {
    if (!latents_.defined ())
      latents_ = frame_latents (network_, store_, work_ + "/latents.safetensors");
    return latents_;
  }

  // Some of them as their neighbours' mean, where what lies between two latents shows
  // what lies between two frames.
  Tensor frozen_latents (const Tensor &frames)
  {
    const Tensor own = latents ().index_select (0, frames);
    if (network_->encoder || options_.between_share <= 0)
      return own;
    if (!before_.defined ()) {
      before_ = torch::arange (store_.frames ());
      after_ = before_.clone ();
      for (const Clip &clip : store_.clips ())
        if (clip.frames > 2) {
          before_.narrow (0, clip.first + 1, clip.frames - 2) -= 1;
          after_.narrow (0, clip.first + 1, clip.frames - 2) += 1;
        }
    }
    const auto neighbours = [&] (const Tensor &of) {
      return latents ().index_select (0, of.index_select (0, frames));
    };
    const Tensor between = (neighbours (before_) + neighbours (after_)) / 2;
    const int64_t parts = options_.workers ? options_.workers->size () : 1;
    const Tensor lot =
        torch::rand ({parts * frames.size (0), 1})
            .slice (0, parts > 1 ? options_.workers->rank () : 0, {}, parts);
    const Tensor smooth = torch::where (lot < options_.between_share, between, own);
    if (!errors_.defined ())
      return smooth;
    return torch::where (lot > 1 - options_.predicted_share,
                         own + errors_.index_select (0, frames), smooth);
  }

  // Of all frames' latents; undefined where speech2latent has not been trained on them.
  Tensor speech_errors () const
  {
    const std::string path = work_ + "/speech2latent.errors.safetensors";
    if (network_->encoder || options_.predicted_share <= 0 ||
        !std::filesystem::exists (path))
      return {};
    Metadata of, latents_of;
    const TensorMap errors = load_tensors (path, &of);
    load_tensors (work_ + "/latents.safetensors", &latents_of);
    return of["encoder"] == latents_of["encoder"] ? errors.at ("errors") : Tensor ();
  }

  void report (double loss, double rate)
  {
    if (!is_first ())
      return;
    log_->write ({{"step", adam_.steps ()},
                  {"minutes", minutes_},
                  {"loss", loss},
                  {"images_per_second", rate},
                  {"adversary_loss", adversary_.loss ()},
                  {"learning_rate", learning_rate ()}});
    log_->progress ("autoencoder", minutes_, options_.minutes,
                    {{"loss", loss}, {"images/s", rate}});
  }

  void save ()
  {
    if (!is_first ())
      return;
    TensorMap averaged = adam_.averaged ();
    for (const auto &entry : network_->named_buffers ())
      averaged[entry.key ()] = entry.value ();
    nlohmann::json entry = validator_.run (averaged, work_ + "/autoencoder.png");
    entry["step"] = adam_.steps ();
    entry["minutes"] = minutes_;
    log_->write (entry);
    Metadata metadata = {{"step", std::to_string (adam_.steps ())},
                         {"minutes", std::to_string (minutes_)},
                         {"encoder_done", encoder_done_ ? "yes" : "no"},
                         {"network", nlohmann::json (options_.network).dump ()}};
    save_tensors (work_ + "/autoencoder.safetensors", averaged, metadata);
    TensorMap state = adam_.state ();
    if (head_adam_)
      add_with_prefix (state, head_adam_->state (), "head.");
    if (options_.adversary_weight > 0) {
      add_with_prefix (state, adversary_.state (), "adversary.");
      metadata["adversary_step"] = std::to_string (adversary_.steps ());
    }
    save_tensors (state_path (), state, metadata);
  }

  std::string state_path () const { return work_ + "/autoencoder.state.safetensors"; }

  void resume ()
  {
    if (std::filesystem::exists (state_path ())) {
      Metadata metadata;
      TensorMap state = load_tensors (state_path (), &metadata);
      const auto step = int64_t (number_of (metadata, "step", state_path ()));
      adam_.load_state (state, step, state_path ());
      TensorMap head = without_prefix (state, "head.");
      if (!head.empty () && head_adam_)
        head_adam_->load_state (head, step, state_path ());
      TensorMap adversary = without_prefix (state, "adversary.");
      if (!adversary.empty () && options_.adversary_weight > 0)
        adversary_.load_state (
            adversary, int64_t (number_of (metadata, "adversary_step", state_path ())),
            state_path ());
      minutes_ = number_of (metadata, "minutes", state_path ());
      encoder_done_ = entry_of (metadata, "encoder_done", state_path ()) == "yes";
    } else if (!options_.init.empty ()) {
      TensorMap weights =
          narrowed_unet (load_tensors (options_.init), options_.init_network.unet,
                         options_.network.unet, options_.init);
      // An avatar without references, or with others, gets those of this footage.
      for (const auto &[name, tensor] : named_weights (*network_))
        if (name.rfind ("unet.references.", 0) == 0 && !weights.count (name))
          weights[name] = tensor.clone ();
      adam_.start_from (weights, options_.init);
    }
  }

  const FrameStore &store_;
  const AutoencoderTraining &options_;
  std::string work_;
  torch::ScalarType type_;
  Tensor noise_;
  Autoencoder network_;
  MasterAdam adam_;
  LatentHead head_{nullptr}; // of an encoder that is trained
  std::unique_ptr<MasterAdam> head_adam_;
  Adversary adversary_;
  AutoencoderValidator validator_;
  std::unique_ptr<TrainLog> log_; // of the first process
  std::unique_ptr<DiffusionBatches> batches_;
  Tensor latents_;        // once the encoder is frozen
  Tensor before_, after_; // of each frame, the frames beside it in its clip
  Tensor errors_;         // of speech2latent, or undefined
  double minutes_ = 0;
  int bad_steps_ = 0;
  bool encoder_done_ = false; // trained alone, whitened, and left as it is
};

} // namespace

void
train_autoencoder (const FrameStore &store, const std::string &work,
                   const AutoencoderTraining &options)
{
  std::filesystem::create_directories (work);
  std::unique_ptr<AutoencoderTrainer> trainer;
  const auto make = [&] {
    torch::manual_seed (options.seed);
    trainer = std::make_unique<AutoencoderTrainer> (store, work, options);
  };
  if (options.workers)
    options.workers->in_turn (make);
  else
    make ();
  trainer->run ();
}

} // namespace daetalker
