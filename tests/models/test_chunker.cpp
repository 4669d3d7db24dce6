// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/chunker.h"

#include <gtest/gtest.h>
#include <numeric>
#include <random>

using namespace daetalker;

namespace {

// What a chunk gives: for each of its frames the rows of its whole window, summed
// with weights by position, so that any shift or loss changes the number.
std::vector<double>
drain (Chunker &chunker, std::size_t row_size)
{
  std::vector<double> result;
  Chunk chunk;
  const float *rows;
  std::size_t count;
  while (chunker.next (chunk, rows, count)) {
    double sum = double (count) * 1e6;
    for (std::size_t i = 0; i < count * row_size; i++)
      sum += rows[i] * double (i + 1);
    for (std::int64_t frame = chunk.begin; frame < chunk.end; frame++)
      result.push_back (sum + double (frame - chunk.window_begin));
  }
  return result;
}

std::vector<float>
noise (std::size_t count)
{
  std::mt19937 random (7);
  std::uniform_real_distribution<float> uniform (-1, 1);
  std::vector<float> values (count);
  for (float &value : values)
    value = uniform (random);
  return values;
}

struct Case {
  Window window;
  int rows_per_frame;
  std::size_t row_size;
  Chunker::Tail tail;
};

class AnyChunker : public testing::TestWithParam<Case> {};

const Case cases[] = {
    {{0, 1, 0}, 1, 1, Chunker::Tail::zeros},    {{3, 2, 4}, 5, 1, Chunker::Tail::zeros},
    {{3, 2, 4}, 5, 1, Chunker::Tail::none},     {{50, 1, 2}, 2, 3, Chunker::Tail::none},
    {{0, 7, 0}, 2, 2, Chunker::Tail::zeros},    {{1, 3, 9}, 3, 1, Chunker::Tail::zeros},
    {{0, 0, 0}, 5, 1, Chunker::Tail::zeros},    {{4, 0, 4}, 2, 3, Chunker::Tail::none},
    {{100, 100, 0}, 1, 1, Chunker::Tail::none},
};

} // namespace

TEST_P (AnyChunker, GivesTheSameInAnyPushSizes)
{
  const Case &c = GetParam ();
  std::mt19937 random (3);
  for (const std::size_t rows : {0, 1, 2, 9, 10, 11, 64, 257}) {
    const std::vector<float> data = noise (rows * c.row_size);
    Chunker whole (c.window, c.row_size, c.rows_per_frame, c.tail);
    whole.push (data.data (), rows);
    whole.finish ();
    const std::vector<double> expected = drain (whole, c.row_size);
    const auto per_frame = std::size_t (c.rows_per_frame);
    ASSERT_EQ (expected.size (), (rows + per_frame - 1) / per_frame);

    Chunker chunker (c.window, c.row_size, c.rows_per_frame, c.tail);
    for (int attempt = 0; attempt < 20; attempt++) {
      std::vector<double> streamed;
      for (std::size_t done = 0; done < rows;) {
        const std::size_t part = std::min<std::size_t> (random () % 40, rows - done);
        chunker.push (data.data () + done * c.row_size, part);
        done += part;
        const std::vector<double> ready = drain (chunker, c.row_size);
        streamed.insert (streamed.end (), ready.begin (), ready.end ());
      }
      chunker.finish ();
      const std::vector<double> ready = drain (chunker, c.row_size);
      streamed.insert (streamed.end (), ready.begin (), ready.end ());
      EXPECT_EQ (streamed, expected) << rows << " rows";
      chunker.reset ();
    }
  }
}

INSTANTIATE_TEST_SUITE_P (Windows, AnyChunker, testing::ValuesIn (cases));

TEST (Chunker, WaitsForItsRightContextAndNoLonger)
{
  Chunker chunker ({2, 2, 3}, 1, 2, Chunker::Tail::zeros);
  const std::vector<float> data = noise (100);
  Chunk chunk;
  const float *rows;
  std::size_t count;
  chunker.push (data.data (), 9); // 5 frames need 10 rows
  EXPECT_FALSE (chunker.next (chunk, rows, count));
  chunker.push (data.data () + 9, 1);
  ASSERT_TRUE (chunker.next (chunk, rows, count));
  EXPECT_EQ (chunk.begin, 0);
  EXPECT_EQ (chunk.end, 2);
  EXPECT_EQ (chunk.window_begin, 0);
  EXPECT_EQ (chunk.window_end, 5);
  EXPECT_EQ (count, 10u);
  EXPECT_EQ (rows[9], data[9]);
  EXPECT_FALSE (chunker.next (chunk, rows, count));
}

TEST (Chunker, PadsTheEndWithZerosOrNothing)
{
  const std::vector<float> ones (5, 1.0f);
  Chunk chunk;
  const float *rows;
  std::size_t count;

  Chunker zeros ({2, 4, 1}, 1, 2, Chunker::Tail::zeros);
  zeros.push (ones.data (), 5);
  zeros.finish ();
  ASSERT_TRUE (zeros.next (chunk, rows, count));
  EXPECT_EQ (chunk.end, 3);
  EXPECT_EQ (chunk.window_end, 5);
  ASSERT_EQ (count, 10u);
  EXPECT_EQ (std::accumulate (rows, rows + count, 0.0f), 5.0f);

  Chunker none ({2, 4, 1}, 1, 2, Chunker::Tail::none);
  none.push (ones.data (), 5);
  none.finish ();
  ASSERT_TRUE (none.next (chunk, rows, count));
  EXPECT_EQ (chunk.end, 3);
  EXPECT_EQ (chunk.window_end, 3);
  EXPECT_EQ (count, 5u);
}

TEST (Chunker, OnePassWaitsForTheEndAndIsNotPadded)
{
  const std::vector<float> data = noise (7);
  Chunker chunker ({9, 0, 9}, 1, 2, Chunker::Tail::zeros);
  Chunk chunk;
  const float *rows;
  std::size_t count;
  chunker.push (data.data (), 7);
  EXPECT_FALSE (chunker.next (chunk, rows, count));
  chunker.finish ();
  ASSERT_TRUE (chunker.next (chunk, rows, count));
  EXPECT_EQ (chunk.end, 4);
  EXPECT_EQ (count, 7u);
  EXPECT_FALSE (chunker.next (chunk, rows, count));
}

TEST (Chunker, GivesSeveralChunksAsOne)
{
  const std::vector<float> data = noise (15);
  Chunker chunker ({1, 2, 1}, 1, 1, Chunker::Tail::none);
  Chunk chunk;
  const float *rows;
  std::size_t count;
  const auto next = [&] {
    return chunker.next (chunk, rows, count, 3);
  };
  chunker.push (data.data (), 12);
  ASSERT_TRUE (next ());
  EXPECT_EQ (chunk.begin, 0);
  EXPECT_EQ (chunk.end, 6) << "no more than three chunks of two";
  EXPECT_EQ (chunk.window_end, 7);
  ASSERT_TRUE (next ());
  EXPECT_EQ (chunk.window_begin, 5);
  EXPECT_EQ (chunk.begin, 6);
  EXPECT_EQ (chunk.end, 10) << "the third needs a row that is not there";
  EXPECT_EQ (chunk.window_end, 11);
  EXPECT_EQ (count, 6u);
  EXPECT_EQ (rows[0], data[5]);
  EXPECT_FALSE (next ());
  chunker.push (data.data () + 12, 3);
  chunker.finish ();
  ASSERT_TRUE (next ());
  EXPECT_EQ (chunk.begin, 10);
  EXPECT_EQ (chunk.end, 15);
  EXPECT_EQ (chunk.window_end, 15);
  EXPECT_FALSE (next ());
}
