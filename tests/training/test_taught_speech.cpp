// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Speech with a teacher's states, and a student that learns from it.
#include "models/studio/training/taught_speech.h"

#include "models/io/tensors.h"
#include "models/nn/speech_encoder.h"
#include "models/studio/training/streamed_features.h"
#include "models/studio/training/train_encoder.h"
#include "tests/models/expect_error.h"
#include "tests/models/temporary_folder.h"
#include "tests/training/wav.h"

#include <filesystem>
#include <fstream>
#include <gst/gst.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

namespace daetalker {
namespace {

using test::TemporaryFolder;
using test::write_wav;
using torch::Tensor;
namespace fs = std::filesystem;

constexpr int rate = 16000;

// Noise that is loud or soft by turns of a quarter of a second; the teacher tells
// which, in two numbers.
class Corpus {
public:
  explicit Corpus (int recordings)
  {
    torch::manual_seed (7);
    fs::create_directories (speech ());
    fs::create_directories (teacher ());
    for (int i = 0; i < recordings; i++)
      add ("r" + std::to_string (i), 150);
  }

  void add (const std::string &name, int64_t rows)
  {
    const Tensor loud =
        torch::randint (2, {(rows + 11) / 12}).repeat_interleave (12).slice (0, 0, rows);
    const Tensor size = (0.02 + 0.3 * loud).repeat_interleave (320);
    write_wav (speech () + "/" + name + ".wav", torch::randn ({rows * 320}) * size * 0.3);
    const Tensor state = loud.to (torch::kFloat);
    save_tensors (teacher () + "/" + name + ".safetensors",
                  {{"hidden_states", torch::stack ({state, 3 - 2 * state}, 1)}}, {},
                  torch::kHalf);
  }

  std::string speech () const { return (folder_ / "speech"); }
  std::string teacher () const { return (folder_ / "teacher"); }
  std::string encoder () const { return (folder_ / "encoder"); }

private:
  TemporaryFolder folder_;
};

TEST (TaughtSpeech, IsReadWithItsStatesAndSomeIsHeldOut)
{
  const Corpus corpus (40);
  std::ofstream (corpus.speech () + "/untaught.txt") << "no sound, and no states";
  int without = 0;
  const TaughtCorpus read =
      read_taught_corpus (corpus.speech (), corpus.teacher (), &without);
  EXPECT_EQ (read.training.size (), 39u);
  EXPECT_EQ (read.held_out.size (), 1u);
  EXPECT_EQ (without, 1);
  EXPECT_EQ (read.training[0].samples.size (0), 150 * 320);
  EXPECT_NEAR (read.hours, 39 * 3.0 / 3600, 1e-6);
  // The second number is 3 - 2 x the first.
  EXPECT_NEAR (read.mean[1].item<double> (), 3 - 2 * read.mean[0].item<double> (), 1e-5);
  EXPECT_NEAR (read.std[1].item<double> (), 2 * read.std[0].item<double> (), 1e-5);
}

TEST (TaughtSpeech, RowsHaveToFitTheSound)
{
  const Corpus corpus (2);
  save_tensors (corpus.teacher () + "/r1.safetensors",
                {{"hidden_states", torch::zeros ({149, 2})}});
  EXPECT_ERROR (read_taught_corpus (corpus.speech (), corpus.teacher ()),
                ErrorCode::wrong_model, "r1.safetensors");
}

TEST (TaughtSpeech, StatesThatAreNoNumbersAreRefused)
{
  const Corpus corpus (2);
  save_tensors (corpus.teacher () + "/r1.safetensors",
                {{"hidden_states", torch::full ({150, 2}, NAN)}});
  EXPECT_ERROR (read_taught_corpus (corpus.speech (), corpus.teacher ()),
                ErrorCode::corrupt, "r1.safetensors");
}

TEST (TaughtSpeech, NothingTaughtIsAnError)
{
  const Corpus corpus (0);
  EXPECT_ERROR (read_taught_corpus (corpus.speech (), corpus.teacher ()),
                ErrorCode::not_found, "speech");
}

EncoderTraining
small_training (double minutes)
{
  EncoderTraining training;
  training.network.conformer.size = 16;
  training.network.conformer.heads = 2;
  training.network.conformer.feed_forward = 16;
  training.network.conformer.blocks = 1;
  training.network.conformer.kernel = 5;
  training.network.look_ahead = 4;
  training.left = 8;
  training.batch = 4;
  training.segment = 30;
  training.minutes = minutes;
  training.checkpoint_minutes = 1;
  training.learning_rate = 3e-3;
  return training;
}

TEST (TrainEncoder, LearnsResumesAndIsReadByTheEngine)
{
  torch::set_num_threads (1);
  const Corpus corpus (40);
  const TaughtCorpus speech = read_taught_corpus (corpus.speech (), corpus.teacher ());
  const nlohmann::json first =
      train_encoder (speech, corpus.encoder (), small_training (0.02));
  const nlohmann::json then =
      train_encoder (speech, corpus.encoder (), small_training (0.08));
  EXPECT_GT (then.at ("step"), first.at ("step")) << "it began anew";
  EXPECT_GT (then.at ("explained_variance"), 0.5);

  // Another one begins with what this one knows.
  EncoderTraining going_on = small_training (0.005);
  going_on.learning_rate = 0;
  const std::string other = corpus.encoder () + "-2";
  train_encoder (speech, other + "-new", going_on);
  going_on.init = corpus.encoder ();
  train_encoder (speech, other, going_on);
  const auto weights = [] (const std::string &encoder) {
    return load_tensors (encoder + "/model.safetensors").at ("projection.weight");
  };
  EXPECT_TRUE (weights (other).equal (weights (corpus.encoder ())));
  EXPECT_FALSE (weights (other + "-new").equal (weights (corpus.encoder ())));
  going_on.network.conformer.size = 32;
  EXPECT_ERROR (train_encoder (speech, other + "-wide", going_on), ErrorCode::wrong_model,
                "conformer");

  torch::NoGradGuard guard;
  const auto encoder = make_speech_encoder (corpus.encoder ());
  EXPECT_EQ (encoder->window ().left, 8);
  EXPECT_EQ (encoder->window ().right, 4);
  const std::vector<float> samples (16000, 0.1f);
  const Tensor features = streamed_features (*encoder, encoder->window (), samples);
  EXPECT_EQ (features.sizes (), torch::IntArrayRef ({50, 16}));
}

} // namespace
} // namespace daetalker

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  testing::InitGoogleTest (&argc, argv);
  return RUN_ALL_TESTS ();
}
