// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/adversary.h"

#include "models/nn/blocks.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/autograd.h>

namespace daetalker {

using torch::Tensor;

namespace {

torch::nn::Conv2d
strided_conv (int in, int out, int stride)
{
  return torch::nn::Conv2d (
      torch::nn::Conv2dOptions (in, out, 3).stride (stride).padding (1));
}

AdamOptions
adam_options (const AdversaryOptions &options)
{
  AdamOptions adam;
  adam.learning_rate = options.learning_rate;
  adam.beta1 = 0.5; // as usual where two networks chase each other
  return adam;
}

// Weights must have their final type and layout before the optimiser copies them.
PatchDiscriminator
prepared_discriminator (torch::ScalarType type)
{
  PatchDiscriminator network;
  convert_convolutions (*network, type);
  return network;
}

} // namespace

PatchDiscriminatorImpl::PatchDiscriminatorImpl (int width)
{
  // Pixels are unshuffled by 2 first: a full-size layer would cost as much as all others.
  layers_ = {strided_conv (12, width, 1), strided_conv (width, 3 * width / 2, 2),
             strided_conv (3 * width / 2, 2 * width, 2),
             strided_conv (2 * width, 2 * width, 1)};
  for (size_t i = 0; i < layers_.size (); i++)
    register_module ("layer" + std::to_string (i), layers_[i]);
  verdict_ = register_module ("verdict", PointConv (2 * width, 1));
}

PatchDiscriminatorImpl::Output
PatchDiscriminatorImpl::forward (const Tensor &pictures)
{
  Output output;
  Tensor h = torch::pixel_unshuffle (pictures, 2)
                 .to (layers_[0]->weight.scalar_type ())
                 .contiguous (at::MemoryFormat::ChannelsLast);
  for (auto &layer : layers_) {
    h = torch::leaky_relu (layer (h), 0.2);
    output.features.push_back (h);
  }
  output.verdict = verdict_ (h).to (torch::kFloat);
  return output;
}

Adversary::Adversary (const AdversaryOptions &options, torch::ScalarType type,
                      uint64_t seed)
    : options_ (options), network_ (prepared_discriminator (type)),
      adam_ (*network_, adam_options (options)),
      generator_ (at::detail::createCPUGenerator (seed))
{
}

Tensor
Adversary::judge (const Tensor &made, const Tensor &real)
{
  // From a random place, so that the UNet's grid of patches gives nothing away.
  const int64_t crop = std::min<int64_t> (options_.crop, made.size (2));
  const auto offset = [&] {
    return torch::randint (made.size (2) - crop + 1, {1}, generator_, torch::kLong)
        .item<int64_t> ();
  };
  const int64_t x = offset (), y = offset ();
  const auto cropped = [&] (const Tensor &pictures) {
    return pictures.narrow (2, y, crop).narrow (3, x, crop).contiguous ();
  };
  Tensor seen = cropped (made.detach ());
  const Tensor truth = cropped (real);

  const auto of_real = network_->forward (truth);
  const auto of_made = network_->forward (seen);
  const Tensor loss =
      (of_real.verdict - 1).pow (2).mean () + of_made.verdict.pow (2).mean ();
  loss.backward ();
  adam_.step ();
  loss_ = loss.item<double> () / 2;

  seen.requires_grad_ (true);
  const auto judged = network_->forward (seen);
  Tensor deception = (judged.verdict - 1).pow (2).mean ();
  Tensor difference = torch::zeros ({});
  for (size_t i = 0; i < judged.features.size (); i++)
    difference =
        difference + torch::l1_loss (judged.features[i].to (torch::kFloat),
                                     of_real.features[i].detach ().to (torch::kFloat));
  deception =
      deception + options_.feature_weight * difference / double (judged.features.size ());
  const Tensor slope = torch::autograd::grad ({deception}, {seen})[0];
  Tensor result = torch::zeros_like (made);
  result.narrow (2, y, crop).narrow (3, x, crop).copy_ (slope);
  return result;
}

void
Adversary::load_state (const TensorMap &state, int64_t step, const std::string &file)
{
  adam_.load_state (state, step, file);
}

} // namespace daetalker
