// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/workers.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>

#include "models/engine.h"

#ifdef USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/utils.h>
#endif

namespace daetalker {

using torch::Tensor;

double
Workers::agree (double value)
{
  const Tensor said = torch::full ({1}, value, torch::kDouble);
  share ({said});
  return said.item<double> ();
}

void
Workers::in_turn (const std::function<void ()> &work)
{
  if (is_first ())
    work ();
  wait_for_all ();
  if (!is_first ())
    work ();
}

namespace {

class Alone : public Workers {
public:
  int rank () const override { return 0; }
  int size () const override { return 1; }
  void average (const std::vector<Tensor> &) override {}
  void share (const std::vector<Tensor> &) override {}
  void wait_for_all () override {}
};

std::string
variable (const char *name)
{
  const char *text = std::getenv (name);
  if (text == nullptr || *text == 0)
    throw Error (
        ErrorCode::wrong_model, name, "this variable of the environment is not set",
        "Start the processes with torchrun, or set RANK, WORLD_SIZE, MASTER_ADDR "
        "and MASTER_PORT");
  return text;
}

int
number (const char *name, int low, int high)
{
  const std::string text = variable (name);
  char *end = nullptr;
  const long value = std::strtol (text.c_str (), &end, 10);
  if (*end != 0 || value < low || value > high)
    throw Error (ErrorCode::wrong_model, name,
                 "\"" + text + "\" is no number from " + std::to_string (low) + " to " +
                     std::to_string (high),
                 "Start the processes with torchrun, or set it as torchrun does");
  return int (value);
}

#ifdef USE_C10D_GLOO

class GlooWorkers : public Workers {
public:
  GlooWorkers (int rank, int size, const std::string &address, int port)
      : rank_ (rank), size_ (size)
  {
    const std::string place = address + ":" + std::to_string (port);
    try {
      c10d::TCPStoreOptions options;
      options.port = std::uint16_t (port);
      // torchrun has opened the store already.
      const char *agent = std::getenv ("TORCHELASTIC_USE_AGENT_STORE");
      options.isServer =
          rank == 0 && (agent == nullptr || std::strcmp (agent, "True") != 0);
      options.numWorkers = std::size_t (size);
      const auto store = c10::make_intrusive<c10d::PrefixStore> (
          "daetalker", c10::make_intrusive<c10d::TCPStore> (address, options));
      // One of them may prepare for hours what the others wait for.
      const auto how = c10d::ProcessGroupGloo::Options::create (std::chrono::hours (24));
      how->devices.push_back (c10d::ProcessGroupGloo::createDefaultDevice ());
      group_ = c10::make_intrusive<c10d::ProcessGroupGloo> (store, rank, size, how);
    } catch (const std::exception &error) {
      throw Error (ErrorCode::failed, place,
                   "the training's other processes cannot be reached (" +
                       std::string (error.what ()) + ")",
                   "Check MASTER_ADDR and MASTER_PORT, and that all WORLD_SIZE processes "
                   "have been started");
    }
  }

  int rank () const override { return rank_; }
  int size () const override { return size_; }

  // All of them in one message, float32.
  void average (const std::vector<Tensor> &tensors) override
  {
    const torch::NoGradGuard no_grad;
    std::vector<Tensor> parts;
    for (const Tensor &tensor : tensors)
      parts.push_back (in_memory_order (tensor).to (torch::kFloat));
    std::vector<Tensor> message = {torch::cat (parts)};
    group_->allreduce (message)->wait ();
    message[0] /= size_;
    std::int64_t place = 0;
    for (const Tensor &tensor : tensors) {
      in_memory_order (tensor).copy_ (message[0].narrow (0, place, tensor.numel ()));
      place += tensor.numel ();
    }
  }

  void share (const std::vector<Tensor> &tensors) override
  {
    const torch::NoGradGuard no_grad;
    for (const Tensor &tensor : tensors) {
      // bfloat16 is nothing to Gloo.
      const bool known = tensor.scalar_type () != torch::kBFloat16;
      const Tensor row = in_memory_order (tensor);
      std::vector<Tensor> message = {known ? row : row.to (torch::kFloat)};
      group_->broadcast (message)->wait ();
      if (!known)
        row.copy_ (message[0]);
    }
  }

  void wait_for_all () override { group_->barrier ()->wait (); }

private:
  // Dense tensors as rows, whatever their memory format.
  static Tensor in_memory_order (const Tensor &tensor)
  {
    return tensor.detach ().as_strided ({tensor.numel ()}, {1});
  }

  const int rank_, size_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
};

#endif

} // namespace

std::shared_ptr<Workers>
workers_of_environment ()
{
  if (std::getenv ("WORLD_SIZE") == nullptr)
    return std::make_shared<Alone> ();
  const int size = number ("WORLD_SIZE", 1, 1 << 20);
  if (size == 1)
    return std::make_shared<Alone> ();
  const int rank = number ("RANK", 0, size - 1);
  const int port = number ("MASTER_PORT", 1, 65535);
  const std::string address = variable ("MASTER_ADDR");
#ifdef USE_C10D_GLOO
  return std::make_shared<GlooWorkers> (rank, size, address, port);
#else
  throw Error (ErrorCode::failed, "daetalker",
               "this build cannot train in several processes",
               "Install Gloo's headers (libgloo-dev) and build again");
#endif
}

} // namespace daetalker
