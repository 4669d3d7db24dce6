// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/train_encoder.h"

#include <ATen/CPUGeneratorImpl.h>
#include <filesystem>
#include <future>
#include <torch/utils.h>

#include "models/io/files.h"
#include "models/io/tensors.h"
#include "models/nn/logmel_conformer.h"
#include "models/nn/precision.h"
#include "models/nn/weights.h"
#include "models/studio/training/optimizer.h"
#include "models/studio/training/speech_augmenter.h"
#include "models/studio/training/train_log.h"
#include "models/studio/training/train_loop.h"
#include "models/studio/training/work_file.h"

namespace daetalker {

using torch::Tensor;

EncoderTraining::EncoderTraining ()
{
  ConformerConfig &blocks = network.conformer;
  blocks.size = 256;
  blocks.heads = 4;
  blocks.feed_forward = 512;
  blocks.kernel = 9;
  blocks.blocks = 4;
  blocks.causal = true;
  blocks.dropout = 0; // what it hears is never twice the same
  blocks.pre_norm = true;
  blocks.scale_input = false;
  blocks.eps = 1e-5;
  network.log_mel.center = false;
  network.look_ahead = 2;
}

namespace {

// The student, and the linear map to the teacher that nobody keeps.
class PupilImpl : public torch::nn::Module {
public:
  PupilImpl (const LogMelConformerConfig &config, int64_t teacher_size)
      : student (config), to_teacher (config.conformer.size, teacher_size)
  {
    register_module ("student", student);
    register_module ("to_teacher", to_teacher);
  }

  LogMelConformer student;
  torch::nn::Linear to_teacher;
};
TORCH_MODULE (Pupil);

struct Lesson {
  Tensor waves;  // [B, samples]
  Tensor states; // [B, frames, D] normalised
  Tensor weight; // [B, frames], of sum 1
};

class Lessons {
public:
  Lessons (const TaughtCorpus &corpus, const EncoderTraining &options, uint64_t seed)
      : corpus_ (corpus), options_ (options),
        generator_ (at::detail::createCPUGenerator (seed)), augment_ (seed + 1)
  {
    // Long recordings are heard more often.
    std::vector<double> lengths;
    for (const TaughtSpeech &speech : corpus.training)
      lengths.push_back (double (speech.samples.size (0)));
    lengths_ = torch::tensor (lengths);
  }

  Lesson next ()
  {
    torch::NoGradGuard guard;
    const int64_t hop = options_.network.log_mel.hop ();
    const int64_t length = options_.segment;
    std::vector<Tensor> waves, states;
    Lesson lesson;
    lesson.weight = torch::zeros ({options_.batch, length});
    const Tensor chosen = torch::multinomial (lengths_, options_.batch, true, generator_);
    for (int64_t i = 0; i < options_.batch; i++) {
      const TaughtSpeech &speech = corpus_.training[size_t (chosen[i].item<int64_t> ())];
      const int64_t frames = speech.states.size (0);
      const int64_t first = draw (std::max<int64_t> (frames - length, 0) + 1);
      const int64_t last = std::min (first + length, frames);
      Tensor wave = torch::zeros ({length * hop});
      const Tensor heard =
          speech.samples.slice (0, first * hop, last * hop).to (torch::kFloat) / 32768;
      wave.narrow (0, 0, heard.size (0)).copy_ (heard);
      Tensor rows = speech.states.slice (0, first, last).to (torch::kFloat);
      rows = (rows - corpus_.mean) / corpus_.std;
      rows = torch::constant_pad_nd (rows, {0, 0, 0, length - rows.size (0)});
      waves.push_back (wave);
      states.push_back (rows);
      // Of a segment's last frames the future is cut off.
      lesson.weight[i]
          .slice (0, 0, length - options_.network.look_ahead)
          .slice (0, 0, last - first)
          .fill_ (1);
    }
    lesson.waves = augment_ (torch::stack (waves));
    lesson.states = torch::stack (states);
    lesson.weight /= lesson.weight.sum ();
    return lesson;
  }

private:
  int64_t draw (int64_t below)
  {
    return torch::randint (below, {1}, generator_, torch::kLong).item<int64_t> ();
  }

  const TaughtCorpus &corpus_;
  const EncoderTraining &options_;
  at::Generator generator_;
  SpeechAugmenter augment_;
  Tensor lengths_;
};

class EncoderTrainer {
public:
  EncoderTrainer (const TaughtCorpus &corpus, const std::string &encoder,
                  const EncoderTraining &options)
      : corpus_ (corpus), options_ (options), encoder_ (encoder),
        work_ (encoder + ".work"), pupil_ (make_pupil ()),
        adam_ (*pupil_, AdamOptions ()), log_ (work_, "encoder")
  {
    loop_.of_minutes = options.minutes;
    loop_.checkpoint_minutes = options.checkpoint_minutes;
    resume ();
    lessons_ = std::make_unique<Lessons> (corpus_, options_,
                                          options_.seed + uint64_t (adam_.steps ()));
  }

  nlohmann::json run ()
  {
    pupil_->train ();
    nlohmann::json figures;
    double sum = 0;
    int count = 0;
    prepare ();
    loop_.run (
        [&] {
          sum += step ();
          if (++count == report_every) {
            report (sum / count);
            sum = count = 0;
          }
        },
        [&] { figures = save (); });
    next_.wait ();
    return figures;
  }

private:
  static constexpr int report_every = 50;

  Pupil make_pupil () const
  {
    std::filesystem::create_directories (work_);
    torch::manual_seed (options_.seed);
    Pupil pupil (options_.network, corpus_.mean.size (0));
    if (!options_.init.empty ()) {
      const std::string file = options_.init + "/model.safetensors";
      load_weights (*pupil->student, load_tensors (file), file);
    }
    if (has_fast_bfloat16 ())
      pupil->to (torch::kBFloat16);
    return pupil;
  }

  // The next lesson is got ready while the student learns.
  void prepare ()
  {
    next_ = std::async (std::launch::async, [this] { return lessons_->next (); });
  }

  double step ()
  {
    const Lesson lesson = next_.get ();
    prepare ();
    adam_.set_learning_rate (
        learning_rate_at (options_.learning_rate, adam_.steps (), loop_.done ()));
    const Tensor features = pupil_->student->forward (lesson.waves, options_.left);
    const Tensor told = pupil_->to_teacher (features).to (torch::kFloat);
    const Tensor error = (told - lesson.states).square ().mean (2);
    const Tensor loss = (error * lesson.weight).sum ();
    loss.backward ();
    adam_.step ();
    return loss.item<double> ();
  }

  void report (double loss)
  {
    log_.progress ("encoder", loop_.minutes, loop_.of_minutes, {{"loss", loss}});
    log_.write ({{"step", adam_.steps ()}, {"minutes", loop_.minutes}, {"loss", loss}});
  }

  // On the first seconds of recordings that were held out, clean; all of them together
  // are about two minutes.
  nlohmann::json validate (Pupil &pupil) const
  {
    torch::NoGradGuard guard;
    double error = 0, rows = 0;
    const int64_t hop = options_.network.log_mel.hop ();
    const int64_t rows_each =
        6000 / std::max<int64_t> (int64_t (corpus_.held_out.size ()), 1) + 1;
    for (const TaughtSpeech &speech : corpus_.held_out) {
      const int64_t heard = std::min (speech.states.size (0), rows_each);
      const Tensor wave =
          speech.samples.slice (0, 0, heard * hop).to (torch::kFloat) / 32768;
      const Tensor features =
          pupil->student->forward (wave.unsqueeze (0), options_.left)[0];
      const Tensor real =
          (speech.states.slice (0, 0, heard).to (torch::kFloat) - corpus_.mean) /
          corpus_.std;
      error +=
          (pupil->to_teacher (features) - real).square ().mean (1).sum ().item<double> ();
      rows += double (real.size (0));
    }
    return {{"explained_variance", rows > 0 ? 1 - error / rows : 0},
            {"hours", corpus_.hours},
            {"step", adam_.steps ()},
            {"minutes", loop_.minutes}};
  }

  nlohmann::json save ()
  {
    torch::NoGradGuard guard;
    Pupil averaged (options_.network, corpus_.mean.size (0));
    TensorMap weights = adam_.averaged ();
    for (auto &item : averaged->named_parameters ())
      item.value ().copy_ (weights.at (item.key ()));
    averaged->eval ();
    const nlohmann::json figures = validate (averaged);
    log_.write (figures);
    std::filesystem::create_directories (encoder_);
    save_tensors (encoder_ + "/model.safetensors", named_weights (*averaged->student), {},
                  torch::kHalf);
    nlohmann::json config = options_.network;
    config["daetalker_window"] = {
        {"left", options_.left}, {"chunk", 2}, {"right", options_.network.look_ahead}};
    replace_file (encoder_ + "/config.json", config.dump (1));
    save_tensors (state_path (), adam_.state (),
                  {{"step", std::to_string (adam_.steps ())},
                   {"minutes", std::to_string (loop_.minutes)}});
    return figures;
  }

  std::string state_path () const { return work_ + "/encoder.state.safetensors"; }

  void resume ()
  {
    if (!std::filesystem::exists (state_path ()))
      return;
    Metadata metadata;
    const TensorMap state = load_tensors (state_path (), &metadata);
    adam_.load_state (state, int64_t (number_of (metadata, "step", state_path ())),
                      state_path ());
    loop_.minutes = number_of (metadata, "minutes", state_path ());
  }

  const TaughtCorpus &corpus_;
  const EncoderTraining options_;
  const std::string encoder_, work_;
  Pupil pupil_;
  MasterAdam adam_;
  TrainLog log_;
  TrainLoop loop_;
  std::unique_ptr<Lessons> lessons_;
  std::future<Lesson> next_;
};

} // namespace

nlohmann::json
train_encoder (const TaughtCorpus &corpus, const std::string &encoder,
               const EncoderTraining &options)
{
  return EncoderTrainer (corpus, encoder, options).run ();
}

} // namespace daetalker
