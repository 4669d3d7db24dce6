// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/bench/flop_counter.h"

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

#include <map>
#include <memory>
#include <string>

namespace daetalker {

namespace {

// LibTorch takes plain functions that share nothing but the thread.
struct Tally {
  std::int64_t flops = 0;
  int depth = 0; // of operations that are counted
};
thread_local Tally tally;

// One operation under way: its end needs what only its beginning is told.
struct Operation : at::ObserverContext {
  std::int64_t flops = 0;
  std::int64_t flops_per_output = 0;
};

using Inputs = c10::ArrayRef<const c10::IValue>;

// convolution (input, weight, bias, stride, padding, dilation, transposed, ...), weight
// [out, in / groups, ...], transposed [in, out / groups, ...].
void
count_convolution (const Inputs &inputs, Operation &operation)
{
  const at::Tensor &weight = inputs[1].toTensor ();
  const std::int64_t each = 2 * weight.numel () / weight.size (0);
  if (inputs[6].toBool ())
    operation.flops = inputs[0].toTensor ().numel () * each;
  else
    operation.flops_per_output = each;
}

// [..., n, k] by [..., k, m] or by [k].
void
count_product (const at::Tensor &a, const at::Tensor &b, Operation &operation)
{
  operation.flops = 2 * a.numel () * (b.dim () > 1 ? b.size (-1) : 1);
}

// Where the factors begin among the inputs of a matrix product; -1: it is none.
int
first_factor (const std::string &name)
{
  static const std::map<std::string, int> products = {
      {"aten::mm", 0},    {"aten::bmm", 0},   {"aten::mv", 0},     {"aten::dot", 0},
      {"aten::addmm", 1}, {"aten::addmv", 1}, {"aten::baddbmm", 1}};
  const auto found = products.find (name);
  return found == products.end () ? -1 : found->second;
}

std::unique_ptr<at::ObserverContext>
begin_operation (const at::RecordFunction &function)
{
  const std::string name = function.name ();
  const int first = first_factor (name);
  if (first < 0 && name != "aten::convolution")
    return nullptr;
  // What an operation calls to do its work is counted with it.
  auto operation = std::make_unique<Operation> ();
  if (tally.depth++ > 0)
    return operation;
  const Inputs inputs = function.inputs ();
  if (first < 0)
    count_convolution (inputs, *operation);
  else
    count_product (inputs[std::size_t (first)].toTensor (),
                   inputs[std::size_t (first) + 1].toTensor (), *operation);
  return operation;
}

void
end_operation (const at::RecordFunction &function, at::ObserverContext *context)
{
  const auto *operation = static_cast<Operation *> (context);
  if (!operation)
    return;
  tally.depth--;
  tally.flops += operation->flops;
  if (operation->flops_per_output > 0 && !function.outputs ().empty ())
    tally.flops +=
        operation->flops_per_output * function.outputs ()[0].toTensor ().numel ();
}

} // namespace

FlopCounter::FlopCounter ()
    : handle_ (at::addThreadLocalCallback (
          at::RecordFunctionCallback (begin_operation, end_operation)
              .needsInputs (true)
              .needsOutputs (true)
              .scopes ({at::RecordScope::FUNCTION})))
{
  tally = {};
}

FlopCounter::~FlopCounter ()
{
  at::removeCallback (handle_);
}

std::int64_t
FlopCounter::flops () const
{
  return tally.flops;
}

} // namespace daetalker
