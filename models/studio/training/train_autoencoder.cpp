// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/train_autoencoder.h"

#include "models/engine.h"
#include "models/nn/diffusion.h"
#include "models/nn/precision.h"
#include "models/nn/semantic_encoder.h"
#include "models/nn/unet.h"
#include "models/studio/training/contact_sheet.h"
#include "models/studio/training/frame_latents.h"
#include "models/studio/training/latent_head.h"
#include "models/studio/training/optimizer.h"
#include "models/studio/training/patches.h"
#include "models/studio/training/region_weights.h"
#include "models/studio/training/train_log.h"
#include "models/studio/training/whitening.h"

#include <algorithm>
#include <ATen/CPUGeneratorImpl.h>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <future>

namespace daetalker {

using torch::Tensor;
using Clock = std::chrono::steady_clock;

namespace {

double
minutes_since (Clock::time_point start)
{
  return std::chrono::duration<double> (Clock::now () - start).count () / 60;
}

// Both networks under the names of the bundle's file.
class AutoencoderImpl : public torch::nn::Module {
public:
  explicit AutoencoderImpl (const AutoencoderConfig &config)
      : unet (config.unet), encoder (config.encoder)
  {
    register_module ("unet", unet);
    register_module ("encoder", encoder);
  }

  UNet unet;
  SemanticEncoder encoder;
};
TORCH_MODULE (Autoencoder);

struct Batch {
  Tensor frames;      // int64 [B], indices into the store
  Tensor for_unet;    // [B, 3*p^2, H/p, W/p] clean, the network's type
  Tensor for_encoder; // the same in the encoder's patches
  Tensor noisy;       // what the UNet sees
  Tensor t;           // [B]
  Tensor weights;     // [B, 1, H/p, W/p]: region times step
};

class BatchMaker {
public:
  BatchMaker (const FrameStore &store, const AutoencoderTraining &options,
              const Tensor &noise, torch::ScalarType type, uint64_t seed)
      : store_ (store), options_ (options), type_ (type),
        generator_ (at::detail::createCPUGenerator (seed))
  {
    int patch = options.network.unet.patch;
    fixed_noise_ = to_patches (noise.unsqueeze (0), patch).to (type);
    // Drawing millions of normals every step costs a tenth of it; a pool read from
    // a random place serves as well.
    pool_ = torch::randn ({1 << 25}, generator_).to (type);
    Tensor bars = torch::tensor (alphas_cumprod (), torch::kDouble);
    signal_ = bars.sqrt ().to (torch::kFloat);
    spread_ = (1 - bars).sqrt ().to (torch::kFloat);
    // x0-loss weighted by the signal-to-noise ratio within bounds: neither the
    // hopeless steps nor the trivial ones take over.
    step_weight_ = (bars / (1 - bars)).clamp (0.2, 5).to (torch::kFloat);
  }

  Batch next ()
  {
    torch::NoGradGuard guard;
    const Tensor &frames = store_.training ();
    int64_t fixed = std::llround (options_.one_step_share * options_.batch);
    int64_t free = options_.batch - fixed;
    Tensor chosen = frames.index_select (
        0, torch::randint (frames.size (0), {options_.batch}, generator_, torch::kLong));
    Tensor pictures = store_.pictures (chosen);
    int patch = options_.network.unet.patch;

    Batch batch;
    batch.frames = chosen;
    batch.for_unet = picture_patches (pictures, patch, type_);
    batch.for_encoder = picture_patches (pictures, options_.network.encoder.patch, type_);
    batch.weights = region_weights (store_.landmarks ().index_select (0, chosen),
                                    store_.side (), patch, options_.gains);

    Tensor t = torch::randint (diffusion_steps, {free}, generator_, torch::kLong);
    Tensor last = torch::full ({fixed}, diffusion_steps - 1, torch::kLong);
    batch.t = torch::cat ({t, last}).to (torch::kFloat);
    Tensor scale = torch::cat ({step_weight_.index_select (0, t), torch::ones ({fixed})});
    batch.weights = batch.weights * scale.view ({-1, 1, 1, 1});

    Tensor clean = batch.for_unet.narrow (0, 0, free);
    int64_t count = clean.numel ();
    int64_t offset =
        torch::randint (pool_.numel () - count, {1}, generator_, torch::kLong)
            .item<int64_t> ();
    Tensor noise = pool_.narrow (0, offset, count)
                       .view ({free, clean.size (2), clean.size (3), clean.size (1)})
                       .permute ({0, 3, 1, 2});
    Tensor signal = signal_.index_select (0, t).to (type_).view ({-1, 1, 1, 1});
    Tensor spread = spread_.index_select (0, t).to (type_).view ({-1, 1, 1, 1});
    Tensor mixed = clean * signal + noise * spread;
    batch.noisy = torch::cat ({mixed, fixed_noise_.expand ({fixed, -1, -1, -1})})
                      .contiguous (at::MemoryFormat::ChannelsLast);
    return batch;
  }

private:
  const FrameStore &store_;
  const AutoencoderTraining &options_;
  torch::ScalarType type_;
  at::Generator generator_;
  Tensor fixed_noise_, pool_, signal_, spread_, step_weight_;
};

double
psnr (double mean_square) // of values in [-1, 1]
{
  return 10 * std::log10 (4 / std::max (mean_square, 1e-12));
}

// Held-out frames through encoder and one evaluation from the fixed noise.
class Validator {
public:
  Validator (const FrameStore &store, const AutoencoderTraining &options,
             const Tensor &noise, torch::ScalarType type)
      : store_ (store), network_ (options.network), noise_ (noise.unsqueeze (0))
  {
    constexpr int64_t count = 96;
    const Tensor &all = store.validation ();
    chosen_ = all.index_select (
        0, torch::linspace (0, double (all.size (0) - 1), std::min (count, all.size (0)))
               .to (torch::kLong));
    convert_convolutions (*network_, type);
    network_->eval ();
  }

  // Fills psnr and mouth_psnr; `sheet` receives rows of real, rendered, 4x difference.
  nlohmann::json run (const TensorMap &weights, const std::string &sheet)
  {
    torch::NoGradGuard guard;
    for (auto &item : network_->named_parameters ())
      item.value ().copy_ (weights.at (item.key ()));
    double whole = 0, mouth = 0;
    std::vector<Tensor> columns;
    Tensor t = torch::full ({1}, diffusion_steps - 1, torch::kFloat);
    int64_t count = chosen_.size (0);
    for (int64_t i = 0; i < count; i++) {
      Tensor index = chosen_.narrow (0, i, 1);
      Tensor real = store_.pictures (index).to (torch::kFloat) / 127.5 - 1;
      real = real.permute ({0, 3, 1, 2}).contiguous ();
      Tensor z = network_->encoder->forward (real);
      Tensor made = network_->unet->forward (noise_, t, z).clamp (-1, 1);
      Tensor square = (made - real).pow (2);
      whole += psnr (square.mean ().item<double> ());
      mouth += psnr (mouth_box (square, index).mean ().item<double> ());
      if (i % std::max<int64_t> (count / 8, 1) == 0 && columns.size () < 8)
        columns.push_back (
            torch::cat ({real, made, ((made - real) * 4).clamp (-1, 1)}, 2)[0]);
    }
    write_picture (sheet, torch::cat (columns, 2));
    return {{"psnr", whole / count}, {"mouth_psnr", mouth / count}};
  }

private:
  Tensor mouth_box (const Tensor &picture, const Tensor &index) const
  {
    Tensor points = store_.landmarks ().index_select (0, index)[0].slice (0, 48, 68);
    auto edge = [&] (const Tensor &value, int margin) {
      return std::clamp<int64_t> (int64_t (value.item<float> ()) + margin, 0,
                                  store_.side ());
    };
    Tensor low = std::get<0> (points.min (0)), high = std::get<0> (points.max (0));
    int64_t x0 = std::min<int64_t> (edge (low[0], -6), store_.side () - 1);
    int64_t y0 = std::min<int64_t> (edge (low[1], -6), store_.side () - 1);
    int64_t x1 = std::max (edge (high[0], 6), x0 + 1);
    int64_t y1 = std::max (edge (high[1], 6), y0 + 1);
    return picture.slice (2, y0, y1).slice (3, x0, x1);
  }

  const FrameStore &store_;
  Autoencoder network_;
  Tensor noise_, chosen_;
};

Tensor
fixed_noise (const std::string &path, int side, uint64_t seed)
{
  if (std::filesystem::exists (path))
    return load_tensors (path).at ("x_T").to (torch::kFloat);
  Tensor noise = torch::randn ({3, side, side}, at::detail::createCPUGenerator (seed));
  save_tensors (path, {{"x_T", noise}});
  return noise;
}

class Trainer {
public:
  Trainer (const FrameStore &store, const std::string &work,
           const AutoencoderTraining &options)
      : store_ (store), options_ (options), work_ (work),
        type_ (has_fast_bfloat16 () ? torch::kBFloat16 : torch::kFloat),
        noise_ (fixed_noise (work + "/noise.safetensors", store.side (), options.seed)),
        network_ (prepared_network (options.network, type_)),
        adam_ (*network_, adam_options (options)),
        head_ (store, options.network.unet.style_channels),
        head_adam_ (*head_, adam_options (options)),
        validator_ (store, options, noise_, type_), log_ (work + "/autoencoder.jsonl")
  {
    resume ();
    maker_ = std::make_unique<BatchMaker> (store, options_, noise_, type_,
                                           options.seed + 1 + uint64_t (adam_.steps ()));
  }

  void run ()
  {
    Clock::time_point start = Clock::now (), saved = start;
    double before = minutes_;
    double loss = 0, seconds = 0;
    int64_t since = 0;
    auto next = std::async (std::launch::async, [this] { return maker_->next (); });
    while (minutes_ < options_.minutes) {
      Clock::time_point step_start = Clock::now ();
      Batch batch = next.get ();
      next = std::async (std::launch::async, [this] { return maker_->next (); });
      adam_.set_learning_rate (learning_rate ());
      if (minutes_ >= encoder_minutes () && encoder_minutes () > 0)
        finish_encoder ();
      double now = minutes_ < encoder_minutes () ? encoder_step (batch) : step (batch);
      seconds += std::chrono::duration<double> (Clock::now () - step_start).count ();
      loss += now;
      since++;
      minutes_ = before + minutes_since (start);
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
    return adam;
  }

  // Weights must have their final type and layout before the optimiser copies them.
  static Autoencoder prepared_network (const AutoencoderConfig &config,
                                       torch::ScalarType type)
  {
    Autoencoder network (config);
    convert_convolutions (*network, type);
    return network;
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
  double encoder_step (const Batch &batch)
  {
    Tensor z = network_->encoder->forward_patches (batch.for_encoder);
    Tensor loss = head_->loss (z, batch.frames);
    loss.backward ();
    adam_.step ();
    head_adam_.step ();
    return loss.item<double> ();
  }

  bool encoder_frozen () const { return options_.freeze_encoder || encoder_done_; }

  // A frozen encoder has no minutes of its own.
  double encoder_minutes () const
  {
    return options_.freeze_encoder
               ? 0
               : std::min (options_.encoder_minutes, options_.minutes);
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

  double step (const Batch &batch)
  {
    Tensor z = encoder_frozen () ? latents ().index_select (0, batch.frames)
                                 : network_->encoder->forward_patches (batch.for_encoder);
    Tensor out = network_->unet->forward_patches (batch.noisy, batch.t, z);
    Tensor error = out.to (torch::kFloat) - batch.for_unet.to (torch::kFloat);
    Tensor loss = (error * error * batch.weights).mean ();
    if (!encoder_frozen ())
      loss = loss + options_.head_weight * head_->loss (z, batch.frames);
    loss.backward ();
    double value = loss.item<double> ();
    double norm = adam_.step ();
    if (!encoder_frozen ())
      head_adam_.step ();
    if (!std::isfinite (value) || !std::isfinite (norm))
      if (++bad_steps_ > 20)
        throw Error (ErrorCode::failed, work_, "the loss is not a number any more",
                     "Resume from the last checkpoint with half the learning rate");
    return value;
  }

  // Of all frames, by the frozen encoder.
  const Tensor &latents ()
  {
    if (!latents_.defined ())
      latents_ = frame_latents (network_->encoder, store_);
    return latents_;
  }

  void report (double loss, double rate)
  {
    log_.write ({{"step", adam_.steps ()},
                 {"minutes", minutes_},
                 {"loss", loss},
                 {"images_per_second", rate},
                 {"learning_rate", learning_rate ()}});
    log_.progress ("autoencoder", minutes_, options_.minutes,
                   {{"loss", loss}, {"images/s", rate}});
  }

  void save ()
  {
    TensorMap averaged = adam_.averaged ();
    nlohmann::json entry = validator_.run (averaged, work_ + "/autoencoder.png");
    entry["step"] = adam_.steps ();
    entry["minutes"] = minutes_;
    log_.write (entry);
    Metadata metadata = {{"step", std::to_string (adam_.steps ())},
                         {"minutes", std::to_string (minutes_)},
                         {"encoder_done", encoder_done_ ? "yes" : "no"},
                         {"network", nlohmann::json (options_.network).dump ()}};
    save_tensors (work_ + "/autoencoder.safetensors", averaged, metadata);
    TensorMap state = adam_.state ();
    add_with_prefix (state, head_adam_.state (), "head.");
    save_tensors (state_path (), state, metadata);
  }

  std::string state_path () const { return work_ + "/autoencoder.state.safetensors"; }

  void resume ()
  {
    if (std::filesystem::exists (state_path ())) {
      Metadata metadata;
      TensorMap state = load_tensors (state_path (), &metadata);
      int64_t step = std::stoll (metadata.at ("step"));
      adam_.load_state (state, step, state_path ());
      TensorMap head = without_prefix (state, "head.");
      if (!head.empty ())
        head_adam_.load_state (head, step, state_path ());
      minutes_ = std::stod (metadata.at ("minutes"));
      encoder_done_ = metadata.at ("encoder_done") == "yes";
    } else if (!options_.init.empty ()) {
      adam_.start_from (load_tensors (options_.init), options_.init);
    }
  }

  const FrameStore &store_;
  const AutoencoderTraining &options_;
  std::string work_;
  torch::ScalarType type_;
  Tensor noise_;
  Autoencoder network_;
  MasterAdam adam_;
  LatentHead head_;
  MasterAdam head_adam_;
  Validator validator_;
  TrainLog log_;
  std::unique_ptr<BatchMaker> maker_;
  Tensor latents_; // once the encoder is frozen
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
  torch::manual_seed (options.seed);
  Trainer (store, work, options).run ();
}

} // namespace daetalker
