// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Cuts a stream into chunks with context on both sides.  Chunks lie on a fixed grid from
// the start of the stream and each is computed from its own window alone, so the result
// does not depend on the sizes in which the stream arrives.
#pragma once

#include "models/engine.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace daetalker {

// Frames [begin, end) are to be computed from the rows of frames
// [window_begin, window_end).  The window is shorter at the start of the stream;
// at its end it is shorter or padded (see Chunker::Tail).
struct Chunk {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t window_begin = 0;
  std::int64_t window_end = 0;
};

// The chunk that begins at frame `begin` of a stream of `total` frames
// (begin < total).  window_end may lie beyond `total`.
inline Chunk
chunk_at (const Window &window, std::int64_t begin, std::int64_t total)
{
  if (window.chunk == 0)
    return {0, total, 0, total};
  Chunk chunk;
  chunk.begin = begin;
  chunk.end = std::min<std::int64_t> (begin + window.chunk, total);
  chunk.window_begin = std::max<std::int64_t> (begin - window.left, 0);
  chunk.window_end = begin + window.chunk + window.right;
  return chunk;
}

// One stream of rows (samples, feature vectors), `rows_per_frame` to a frame.
// Keeps no more than twice its window and what was pushed since the last next().
class Chunker {
public:
  // What stands for the rows beyond the end of the stream: zeros up to the end of
  // the window (silence, for samples), or nothing (a shorter window).  With
  // chunk == 0 always nothing.
  enum class Tail { zeros, none };

  Chunker (const Window &window, std::size_t row_size, int rows_per_frame, Tail tail)
      : window_ (window), row_size_ (row_size), rows_per_frame_ (rows_per_frame),
        tail_ (tail)
  {
  }

  void push (const float *rows, std::size_t count)
  {
    data_.insert (data_.end (), rows, rows + count * row_size_);
  }

  void finish () { finished_ = true; }

  // The next chunk that can be computed; false until more rows come, or at the end.
  // `rows` are the window's rows, valid until the next call of any function;
  // `row_count` is their number.  Up to `most` chunks that follow one another are given
  // as one, with one context: for who keeps the past, to whom many at once cost less.
  bool next (Chunk &chunk, const float *&rows, std::size_t &row_count, int most = 1)
  {
    const std::int64_t available = first_row_ + std::int64_t (data_.size () / row_size_);
    const std::int64_t total = (available + rows_per_frame_ - 1) / rows_per_frame_;
    if (finished_ ? next_ >= total : complete_chunks (available) < 1)
      return false;
    Window window = window_;
    window.chunk *=
        finished_ ? most
                  : int (std::min<std::int64_t> (complete_chunks (available), most));
    chunk = chunk_at (window, next_, finished_ ? total : next_ + window.chunk);
    const bool pads = tail_ == Tail::zeros && window_.chunk > 0;
    if (!pads)
      chunk.window_end = std::min (chunk.window_end, total);

    const std::int64_t begin = chunk.window_begin * rows_per_frame_;
    const std::int64_t end = chunk.window_end * rows_per_frame_;
    drop_before (begin);
    const float *first = data_.data () + std::size_t (begin - first_row_) * row_size_;
    row_count = std::size_t ((pads ? end : std::min (end, available)) - begin);
    rows = first;
    if (end > available && pads) {
      padded_.assign (first, static_cast<const float *> (data_.data ()) + data_.size ());
      padded_.resize (row_count * row_size_, 0.0f);
      rows = padded_.data ();
    }
    next_ = chunk.end;
    return true;
  }

  void reset ()
  {
    data_.clear ();
    first_row_ = 0;
    next_ = 0;
    finished_ = false;
  }

private:
  std::int64_t complete_chunks (std::int64_t available) const
  {
    const std::int64_t frames = available / rows_per_frame_ - next_ - window_.right;
    return window_.chunk > 0 ? frames / window_.chunk : 0;
  }

  // Moves the rest only when it is the smaller part: a long push, then many
  // chunks, must not cost their product.
  void drop_before (std::int64_t row)
  {
    const std::size_t count = std::size_t (row - first_row_) * row_size_;
    if (2 * count < data_.size ())
      return;
    data_.erase (data_.begin (), data_.begin () + std::ptrdiff_t (count));
    first_row_ = row;
  }

  Window window_;
  std::size_t row_size_;
  int rows_per_frame_;
  Tail tail_;
  std::vector<float> data_; // rows from first_row_
  std::vector<float> padded_;
  std::int64_t first_row_ = 0;
  std::int64_t next_ = 0; // first frame of the next chunk
  bool finished_ = false;
};

} // namespace daetalker
