// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/bench/flop_counter.h"

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "models/nn/row_linear.h"
#include "models/nn/winograd.h"

namespace daetalker {

namespace {

// LibTorch takes plain functions.  Atomic, since an operation may call others on threads
// of its own.
struct Tally {
  std::atomic<std::int64_t> flops{0};
  std::atomic<int> depth{0}; // of operations that are counted
};
Tally tally;

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

// winograd_conv (x, weight, enlarged): what a plain convolution would have to do.
void
count_winograd (const Inputs &inputs, Operation &operation)
{
  const at::Tensor &x = inputs[0].toTensor (), &weight = inputs[1].toTensor ();
  const std::int64_t pixels = x.numel () / x.size (1) * (inputs[2].toBool () ? 4 : 1);
  operation.flops = 2 * weight.numel () * pixels;
}

// What is made of weights alone is no part of a convolution's definition.
void
count_nothing (const Inputs &, Operation &)
{
}

// row_linear (x, weight), weight [out, in].
void
count_row_linear (const Inputs &inputs, Operation &operation)
{
  operation.flops = 2 * inputs[0].toTensor ().numel () * inputs[1].toTensor ().size (0);
}

// Of the inputs `first` and the one after it: [..., n, k] by [..., k, m] or by [k].
template <std::size_t first>
void
count_product (const Inputs &inputs, Operation &operation)
{
  const at::Tensor &a = inputs[first].toTensor (), &b = inputs[first + 1].toTensor ();
  operation.flops = 2 * a.numel () * (b.dim () > 1 ? b.size (-1) : 1);
}

using Count = void (*) (const Inputs &inputs, Operation &operation);

// Null: of what is not counted.
Count
count_of (const std::string &name)
{
  static const std::map<std::string, Count> counts = {
      {"aten::convolution", count_convolution}, {winograd_points_name, count_nothing},
      {winograd_name, count_winograd},          {row_linear_name, count_row_linear},
      {"aten::mm", count_product<0>},           {"aten::bmm", count_product<0>},
      {"aten::mv", count_product<0>},           {"aten::dot", count_product<0>},
      {"aten::addmm", count_product<1>},        {"aten::addmv", count_product<1>},
      {"aten::baddbmm", count_product<1>}};
  const auto found = counts.find (name);
  return found == counts.end () ? nullptr : found->second;
}

std::unique_ptr<at::ObserverContext>
begin_operation (const at::RecordFunction &function)
{
  const Count count = count_of (function.name ());
  if (!count)
    return nullptr;
  // What an operation calls to do its work is counted with it.
  auto operation = std::make_unique<Operation> ();
  if (tally.depth++ == 0)
    count (function.inputs (), *operation);
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
    : handle_ (at::addGlobalCallback (
          at::RecordFunctionCallback (begin_operation, end_operation)
              .needsInputs (true)
              .needsOutputs (true)
              .scopes ({at::RecordScope::FUNCTION})))
{
  tally.flops = 0;
  tally.depth = 0;
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
