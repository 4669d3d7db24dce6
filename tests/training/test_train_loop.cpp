// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/train_loop.h"

#include <chrono>
#include <gtest/gtest.h>
#include <thread>

using namespace daetalker;

TEST (TrainLoop, GoesOnWhereItStoppedAndSavesAtTheEnd)
{
  TrainLoop loop;
  loop.of_minutes = 0.001;
  int steps = 0, saves = 0;
  loop.run ([&] { steps++; }, [&] { saves++; });
  EXPECT_GT (steps, 0);
  EXPECT_EQ (saves, 1);
  EXPECT_EQ (loop.done (), 1);
  // Nothing is left to do; what there is is saved.
  steps = 0;
  loop.run ([&] { steps++; }, [&] { saves++; });
  EXPECT_EQ (steps, 0);
  EXPECT_EQ (saves, 2);
}

TEST (TrainLoop, SavesNowAndThen)
{
  TrainLoop loop;
  loop.of_minutes = 0.002;
  loop.checkpoint_minutes = 0.0005;
  int saves = 0;
  loop.run ([] {}, [&] { saves++; });
  EXPECT_GE (saves, 2);
  EXPECT_LE (saves, 5);
}

// Steps go on between savings, however long those take.
TEST (TrainLoop, TimeOfSavingIsNotTimeSinceSaving)
{
  using namespace std::chrono_literals;
  TrainLoop loop;
  loop.of_minutes = 0.04;
  loop.checkpoint_minutes = 0.01;
  int steps = 0, saves = 0;
  loop.run (
      [&] {
        std::this_thread::sleep_for (10ms);
        steps++;
      },
      [&] {
        std::this_thread::sleep_for (700ms);
        saves++;
      });
  EXPECT_GE (saves, 2);
  EXPECT_GT (steps, 5 * saves); // else a step each time
}

TEST (LearningRate, RisesAndFalls)
{
  EXPECT_DOUBLE_EQ (learning_rate_at (1, 99, 0), 0.5);
  EXPECT_DOUBLE_EQ (learning_rate_at (1, 1000, 0), 1);
  EXPECT_DOUBLE_EQ (learning_rate_at (2, 1000, 0.5), 2 * (0.05 + 0.95 / 2));
  EXPECT_DOUBLE_EQ (learning_rate_at (1, 1000, 1), 0.05);
}
