// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/mouth_book.h"

#include <gtest/gtest.h>
#include <torch/utils.h>

#include "tests/models/tolerance.h"

namespace daetalker {
namespace {

using torch::Tensor;

constexpr int size = 6, frames = 50;

// Half of the latent's numbers are the mouth's, each of unit weight.
Tensor
mouth_half ()
{
  Tensor mouth = torch::zeros ({size, size});
  for (int i = 0; i < size / 2; i++)
    mouth[i][i] = 1;
  return mouth;
}

MouthBookConfig
small_book (double gain, double continuity, int predicted_marks)
{
  MouthBookConfig config;
  config.pages = frames;
  config.marks = size / 2;
  config.predicted_marks = predicted_marks;
  config.gain = gain;
  config.continuity = continuity;
  return config;
}

Tensor
seeded_frames ()
{
  torch::manual_seed (5);
  return torch::randn ({frames, size});
}

class MouthBookTest : public testing::Test {
protected:
  MouthBook open (double gain, double continuity, int predicted_marks = 0) const
  {
    MouthBook book (size, small_book (gain, continuity, predicted_marks));
    book->write (filmed, mouth_half (), torch::ones ({size}));
    return book;
  }

  torch::NoGradGuard no_grad;
  const Tensor filmed = seeded_frames ();
};

TEST_F (MouthBookTest, AMouthThatWasFilmedStaysAndTheRestIsLeftAlone)
{
  MouthBook book = open (1, 0);
  Tensor predicted = filmed.slice (0, 3, 9).clone ();
  predicted.slice (1, size / 2) = 7;
  Tensor last;
  const Tensor shown = book (predicted, last);
  // Those like it have a small share.
  const Tensor nearest =
      torch::cdist (shown.slice (1, 0, size / 2), filmed.slice (1, 0, size / 2))
          .argmin (1);
  EXPECT_TRUE (torch::equal (nearest, torch::arange (3, 9)));
  EXPECT_EQ (largest (shown.slice (1, size / 2) - 7), 0);
}

TEST_F (MouthBookTest, AnAverageBecomesAMouth)
{
  MouthBook book = open (1, 0);
  const Tensor average = 0.2 * torch::randn ({30, size});
  Tensor last;
  const Tensor shown = book (average, last).slice (1, 0, size / 2);
  const Tensor mouths = filmed.slice (1, 0, size / 2);
  // A blend of few lies inside of what was filmed.
  EXPECT_TRUE ((shown <= std::get<0> (mouths.max (0))).all ().item<bool> ());
  EXPECT_TRUE ((shown >= std::get<0> (mouths.min (0))).all ().item<bool> ());
  EXPECT_GT (largest (shown - average.slice (1, 0, size / 2)), 0.1);
}

TEST_F (MouthBookTest, TheFirstMarksStayAsPredicted)
{
  const Tensor predicted = 0.5 * torch::randn ({30, size});
  Tensor last;
  const Tensor real = open (1, 0)->forward (predicted, last);
  const auto distance = [&] (int marks) {
    Tensor from;
    const Tensor shown = open (1, 0, marks)->forward (predicted, from);
    EXPECT_EQ (largest ((shown - real).slice (1, size / 2)), 0) << "not of the mouth";
    return (shown - predicted).square ().mean ().item<double> ();
  };
  EXPECT_LT (distance (1), 0.9 * distance (0));
  EXPECT_LT (distance (2), 0.9 * distance (1));
  EXPECT_LT (distance (3), 0.01 * distance (0)) << "all that mouths differ in";
}

TEST_F (MouthBookTest, SettledItIsTheSame)
{
  torch::manual_seed (1);
  MouthBook book = open (1.2, 0.5, 2);
  torch::manual_seed (1); // the same pages
  MouthBook settled = open (1.2, 0.5, 2);
  settled->settle ();
  Tensor last, last_settled;
  const Tensor predicted = 0.3 * torch::randn ({7, size});
  EXPECT_LT (largest (book->forward (predicted, last) -
                      settled->forward (predicted, last_settled)),
             1e-5);
}

TEST_F (MouthBookTest, TheGainOpensIt)
{
  const Tensor predicted = filmed / 2;
  Tensor last;
  const double plain = open (1, 0)->forward (predicted, last).std ().item<double> ();
  last = Tensor ();
  const double more = open (2, 0)->forward (predicted, last).std ().item<double> ();
  EXPECT_GT (more, 1.1 * plain);
}

TEST_F (MouthBookTest, GoesOnFromTheLastMouthHoweverFramesAreCut)
{
  MouthBook book = open (1, 0.5);
  const Tensor predicted = torch::randn ({12, size});
  Tensor last;
  const Tensor whole = book (predicted, last);
  last = Tensor ();
  std::vector<Tensor> parts;
  for (const Tensor &part : predicted.split (5))
    parts.push_back (book (part, last));
  EXPECT_LT (largest (torch::cat (parts) - whole), 1e-5);

  const auto steps = [&] (double continuity) {
    Tensor from;
    const Tensor shown = open (1, continuity)->forward (predicted, from);
    return (shown.slice (0, 1) - shown.slice (0, 0, -1))
        .slice (1, 0, size / 2)
        .square ()
        .mean ()
        .item<double> ();
  };
  EXPECT_LT (steps (2), 0.8 * steps (0)) << "it does not glide";
}

} // namespace
} // namespace daetalker
