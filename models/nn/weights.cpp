// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/weights.h"

#include "models/engine.h"

#include <sstream>
#include <torch/utils.h>

namespace daetalker {
namespace {

// The first few of a long list of differences, for people.
class Differences {
public:
  void add (const std::string &text)
  {
    if (count_++ < 4)
      text_ += (text_.empty () ? "" : "; ") + text;
  }
  bool empty () const { return count_ == 0; }
  std::string text () const
  {
    return count_ > 4 ? text_ + "; and " + std::to_string (count_ - 4) + " more" : text_;
  }

private:
  std::size_t count_ = 0;
  std::string text_;
};

std::string
shape_text (const torch::Tensor &tensor)
{
  std::ostringstream text;
  text << tensor.sizes ();
  return text.str ();
}

} // namespace

void
load_weights (torch::nn::Module &module, const TensorMap &tensors,
              const std::string &file)
{
  const TensorMap weights = named_weights (module);
  Differences differences;
  for (const auto &[name, weight] : weights) {
    const auto found = tensors.find (name);
    if (found == tensors.end ())
      differences.add ("\"" + name + "\" is missing");
    else if (found->second.sizes () != weight.sizes ())
      differences.add ("\"" + name + "\" is " + shape_text (found->second) +
                       " and should be " + shape_text (weight));
  }
  for (const auto &[name, tensor] : tensors)
    if (weights.count (name) == 0)
      differences.add ("\"" + name + "\" is unexpected");
  if (!differences.empty ())
    throw Error (ErrorCode::wrong_model, file,
                 "its tensors do not fit the configuration: " + differences.text (),
                 "Use the weights and the configuration of one model");

  const torch::NoGradGuard no_grad;
  for (const auto &[name, weight] : weights) {
    const torch::Tensor &tensor = tensors.at (name);
    if (tensor.is_floating_point () && !tensor.isfinite ().all ().item<bool> ())
      throw Error (ErrorCode::corrupt, file,
                   "tensor \"" + name + "\" holds NaN or infinity",
                   "The training that wrote it failed; use an earlier checkpoint");
    torch::Tensor target = weight;
    target.copy_ (tensor);
  }
}

void
require_size (double needed, const TensorMap &tensors, const std::string &file,
              const std::string &shape_file)
{
  double held = 0;
  for (const auto &[name, tensor] : tensors)
    held += double (tensor.numel ());
  if (needed > held)
    throw Error (ErrorCode::wrong_model, file,
                 "it holds fewer numbers than a network of " + shape_file +
                     "'s shape has",
                 "Use the weights and the configuration of one model");
}

std::int64_t
numbers_in (const torch::nn::Module &module)
{
  std::int64_t numbers = 0;
  for (const torch::Tensor &parameter : module.parameters ())
    numbers += parameter.numel ();
  return numbers;
}

TensorMap
named_weights (const torch::nn::Module &module)
{
  TensorMap weights;
  for (const auto &entry : module.named_parameters ())
    weights.emplace (entry.key (), entry.value ());
  for (const auto &entry : module.named_buffers ())
    weights.emplace (entry.key (), entry.value ());
  return weights;
}

} // namespace daetalker
