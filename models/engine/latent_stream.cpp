// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/latent_stream.h"

#include "models/engine/chunker.h"
#include "models/engine/errors.h"
#include "models/nn/interruption.h"

#include <algorithm>
#include <deque>
#include <optional>

namespace daetalker {
namespace {

// Computed at once where the past is kept: enough that reading the weights is no longer
// what takes the time, and few enough that a stop is heard soon.
constexpr int most_chunks = 16;

class TorchLatentStream : public LatentStream {
public:
  TorchLatentStream (Speech2Latent net, const Placement &placement, const Window &window,
                     const std::string &subject)
      : net_ (std::move (net)), placement_ (placement), given_ (window),
        past_ (new_past ()), window_ (to_compute ()), subject_ (subject),
        chunker_ (window_, std::size_t (net_->config ().feature_size),
                  net_->config ().rate_ratio, Chunker::Tail::none)
  {
  }

  void push (const float *features, std::size_t frames) override
  {
    guarded (subject_, [&] { chunker_.push (features, frames); });
  }

  void finish () override { chunker_.finish (); }

  std::size_t pull (const PoseControl &control, std::vector<LatentFrame> &out,
                    const Stop &stop) override
  {
    return guarded (subject_, [&] {
      const Interruptible interruptible (stop);
      const std::size_t before = out.size ();
      Chunk chunk;
      const float *rows;
      std::size_t count;
      try {
        while (chunker_.next (chunk, rows, count, past_ ? most_chunks : 1)) {
          interruption_point ();
          compute (chunk, rows, count, control, out);
        }
      } catch (const Interrupted &) {
      }
      return out.size () - before;
    });
  }

  void reset () override
  {
    chunker_.reset ();
    past_ = new_past ();
    used_.clear ();
    last_mouth_.reset ();
  }

private:
  // One pass over everything sees all of the past, without an end.
  std::optional<Speech2LatentImpl::Past> new_past () const
  {
    return net_->new_past (given_.chunk > 0 ? given_.left : -1);
  }

  // What was computed of the past is not computed again.
  Window to_compute () const
  {
    return past_ ? Window{0, given_.chunk, given_.right} : given_;
  }

  void compute (Chunk chunk, const float *rows, std::size_t count,
                const PoseControl &control, std::vector<LatentFrame> &out)
  {
    const Computation computation (placement_);
    Speech2LatentImpl::Past *past = past_ ? &*past_ : nullptr;
    if (past != nullptr) { // no frame sees a later one
      chunk.window_end = chunk.end;
      count = std::min (count, std::size_t (chunk.end - chunk.begin) *
                                   std::size_t (net_->config ().rate_ratio));
    }
    const torch::Tensor features =
        torch::from_blob (const_cast<float *> (rows),
                          {1, std::int64_t (count), net_->config ().feature_size})
            .to (placement_.device);
    const torch::Tensor h = net_->encode (features, {}, past);
    torch::Tensor pose = net_->predict_pose (h, past).to (torch::kCPU).contiguous ();
    choose_poses (chunk, pose[0], control);
    const torch::Tensor predicted =
        net_->denormalise (net_->decode (h, pose.to (placement_.device), {}, past))[0]
            .slice (0, chunk.begin - chunk.window_begin, chunk.end - chunk.window_begin);
    const torch::Tensor latents =
        net_->with_real_mouths (predicted, last_mouth_).to (torch::kCPU).contiguous ();

    const std::int64_t size = net_->config ().latent_size;
    for (std::int64_t i = chunk.begin; i < chunk.end; i++) {
      const float *latent = latents.data_ptr<float> () + (i - chunk.begin) * size;
      const float *used = pose.data_ptr<float> () + (i - chunk.window_begin) * 3;
      LatentFrame frame;
      frame.latent.assign (latent, latent + size);
      frame.pose = {used[0], used[1], used[2]};
      used_.push_back (frame.pose);
      out.push_back (std::move (frame));
    }
    while (used_.size () > std::size_t (window_.left))
      used_.pop_front ();
  }

  // `pose` [T, 3]: predicted in, used out.  To the left of the chunk stands what was
  // used there; to its right the prediction goes on from the last pose used, so that
  // a pose from outside does not break off at the chunk's end.
  void choose_poses (const Chunk &chunk, torch::Tensor pose, const PoseControl &control)
  {
    auto values = pose.accessor<float, 2> ();
    const auto set = [&] (std::int64_t row, const Pose &value) {
      for (int axis = 0; axis < 3; axis++)
        values[row][axis] = value[std::size_t (axis)];
    };
    const std::int64_t first = chunk.begin - chunk.window_begin;
    const std::int64_t last = chunk.end - 1 - chunk.window_begin;
    for (std::int64_t row = 0; row < first; row++)
      set (row, used_[used_.size () - std::size_t (first - row)]);
    if (!control)
      return;
    Pose offset{};
    for (std::int64_t row = first; row <= last; row++) {
      const Pose predicted = {values[row][0], values[row][1], values[row][2]};
      Pose used = predicted;
      control (std::uint64_t (chunk.window_begin + row), used);
      set (row, used);
      for (std::size_t axis = 0; axis < 3; axis++)
        offset[axis] = used[axis] - predicted[axis];
    }
    for (std::int64_t row = last + 1; row < pose.size (0); row++)
      for (int axis = 0; axis < 3; axis++)
        values[row][axis] += offset[std::size_t (axis)];
  }

  Speech2Latent net_;
  const Placement placement_;
  const Window given_;
  std::optional<Speech2LatentImpl::Past> past_;
  const Window window_; // of the chunks
  const std::string subject_;
  Chunker chunker_;
  std::deque<Pose> used_;    // of the last window_.left frames
  torch::Tensor last_mouth_; // MouthBook's
};

} // namespace

std::unique_ptr<LatentStream>
open_latent_stream (Speech2Latent net, const Placement &placement, const Window &window,
                    const std::string &subject)
{
  return std::make_unique<TorchLatentStream> (std::move (net), placement, window,
                                              subject);
}

} // namespace daetalker
