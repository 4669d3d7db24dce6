// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/optimizer.h"

#include "models/engine.h"

#include <ATen/Parallel.h>
#include <cmath>
#include <torch/utils.h>

namespace daetalker {

using torch::Tensor;

namespace {

struct Update {
  float rate, beta1, beta2, eps, gradient_scale, correction1, correction2, ema;
};

template <typename T>
void
update_span (T *parameter, const T *gradient, float *master, float *m, float *v,
             float *ema, int64_t count, const Update &u)
{
  for (int64_t i = 0; i < count; i++) {
    float g = float (gradient[i]) * u.gradient_scale;
    m[i] = u.beta1 * m[i] + (1 - u.beta1) * g;
    v[i] = u.beta2 * v[i] + (1 - u.beta2) * g * g;
    master[i] -=
        u.rate * (m[i] * u.correction1) / (std::sqrt (v[i] * u.correction2) + u.eps);
    ema[i] += (1 - u.ema) * (master[i] - ema[i]);
    parameter[i] = T (master[i]);
  }
}

// A tensor's numbers in the order of its memory: all tensors of a slot share it.
template <typename T>
T *
raw (const Tensor &tensor)
{
  return static_cast<T *> (tensor.data_ptr ());
}

} // namespace

MasterAdam::MasterAdam (torch::nn::Module &module, const AdamOptions &options)
    : options_ (options)
{
  torch::NoGradGuard guard;
  for (const auto &item : module.named_parameters ()) {
    Slot slot;
    slot.name = item.key ();
    slot.parameter = item.value ();
    // preserve_format: masters lie in memory as the (channels-last) weights do.
    slot.master = slot.parameter.detach ().to (torch::kFloat, false, true,
                                               torch::MemoryFormat::Preserve);
    slot.m = torch::zeros_like (slot.master, torch::MemoryFormat::Preserve);
    slot.v = torch::zeros_like (slot.master, torch::MemoryFormat::Preserve);
    slot.ema = slot.master.clone (torch::MemoryFormat::Preserve);
    slots_.push_back (slot);
  }
}

void
MasterAdam::share ()
{
  if (!options_.workers)
    return;
  torch::NoGradGuard guard;
  step_ = int64_t (options_.workers->agree (double (step_)));
  for (Slot &slot : slots_) {
    options_.workers->share ({slot.master, slot.m, slot.v, slot.ema});
    publish (slot);
  }
}

double
MasterAdam::step ()
{
  torch::NoGradGuard guard;
  std::vector<Tensor> gradients;
  for (Slot &slot : slots_) {
    Tensor &gradient = slot.parameter.mutable_grad ();
    if (!gradient.defined ())
      continue;
    if (gradient.strides () != slot.parameter.strides ())
      gradient = torch::empty_like (slot.parameter, torch::MemoryFormat::Preserve)
                     .copy_ (gradient);
    gradients.push_back (gradient);
  }
  if (options_.workers)
    options_.workers->average (gradients);
  double square = 0;
  for (const Tensor &gradient : gradients) {
    double norm = gradient.norm (2, torch::kFloat).item<double> ();
    square += norm * norm;
  }
  double norm = std::sqrt (square);
  if (!std::isfinite (norm)) {
    for (Slot &slot : slots_)
      slot.parameter.mutable_grad () = Tensor ();
    return norm;
  }

  step_++;
  Update u;
  u.rate = float (options_.learning_rate);
  u.beta1 = float (options_.beta1);
  u.beta2 = float (options_.beta2);
  u.eps = float (options_.eps);
  u.gradient_scale = options_.clip_norm > 0 && norm > options_.clip_norm
                         ? float (options_.clip_norm / norm)
                         : 1.f;
  u.correction1 = float (1 / (1 - std::pow (options_.beta1, double (step_))));
  u.correction2 = float (1 / (1 - std::pow (options_.beta2, double (step_))));
  u.ema = float (std::min (options_.ema_decay, (1.0 + step_) / (10.0 + step_)));

  for (Slot &slot : slots_) {
    Tensor &gradient = slot.parameter.mutable_grad ();
    if (!gradient.defined ())
      continue;
    at::parallel_for (0, slot.master.numel (), 1 << 14, [&] (int64_t from, int64_t to) {
      float *master = raw<float> (slot.master) + from, *m = raw<float> (slot.m) + from,
            *v = raw<float> (slot.v) + from, *ema = raw<float> (slot.ema) + from;
      if (slot.parameter.scalar_type () == torch::kBFloat16)
        update_span (raw<c10::BFloat16> (slot.parameter) + from,
                     raw<const c10::BFloat16> (gradient) + from, master, m, v, ema,
                     to - from, u);
      else
        update_span (raw<float> (slot.parameter) + from,
                     raw<const float> (gradient) + from, master, m, v, ema, to - from, u);
    });
    gradient = Tensor ();
  }
  return norm;
}

TensorMap
MasterAdam::averaged () const
{
  TensorMap result;
  for (const Slot &slot : slots_)
    result[slot.name] = slot.ema;
  return result;
}

TensorMap
MasterAdam::state () const
{
  TensorMap result;
  for (const Slot &slot : slots_) {
    result["master." + slot.name] = slot.master;
    result["m." + slot.name] = slot.m;
    result["v." + slot.name] = slot.v;
    result["ema." + slot.name] = slot.ema;
  }
  return result;
}

namespace {

void
restore (Tensor target, const TensorMap &from, const std::string &name,
         const std::string &file)
{
  auto found = from.find (name);
  if (found == from.end () || found->second.sizes () != target.sizes ())
    throw Error (ErrorCode::wrong_model, file, "it does not hold " + name,
                 "Resume with the options of the run that wrote it, or start a new one");
  target.copy_ (found->second);
}

} // namespace

void
MasterAdam::publish (Slot &slot)
{
  slot.parameter.detach ().copy_ (slot.master);
}

void
MasterAdam::load_state (const TensorMap &state, int64_t step, const std::string &file)
{
  torch::NoGradGuard guard;
  for (Slot &slot : slots_) {
    restore (slot.master, state, "master." + slot.name, file);
    restore (slot.m, state, "m." + slot.name, file);
    restore (slot.v, state, "v." + slot.name, file);
    restore (slot.ema, state, "ema." + slot.name, file);
    publish (slot);
  }
  step_ = step;
}

void
MasterAdam::start_from (const TensorMap &weights, const std::string &file)
{
  torch::NoGradGuard guard;
  for (Slot &slot : slots_) {
    restore (slot.master, weights, slot.name, file);
    slot.ema.copy_ (slot.master);
    publish (slot);
  }
}

} // namespace daetalker
