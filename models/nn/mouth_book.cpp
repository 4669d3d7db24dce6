// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/mouth_book.h"

#include <torch/utils.h>

namespace daetalker {

using torch::Tensor;

// Blended: one alone would jump to the next.
constexpr int64_t nearest = 4;

MouthBookImpl::MouthBookImpl (int latent_size, const MouthBookConfig &config)
    : config_ (config)
{
  pages_ = register_buffer ("pages", torch::zeros ({config.pages, latent_size}));
  marks_ = register_buffer ("marks", torch::zeros ({config.pages, config.marks}));
  reading_ = register_buffer ("reading", torch::zeros ({latent_size, config.marks}));
  mouth_ = register_buffer ("mouth", torch::zeros ({latent_size, latent_size}));
}

void
MouthBookImpl::settle ()
{
  squares_ = squares ();
  changes_ = changes ();
}

Tensor
MouthBookImpl::squares () const
{
  return squares_.defined () ? squares_ : marks_.square ().sum (1);
}

// How the real frames' latents go with each of the first marks, which are principal
// components and so hardly go with one another.
Tensor
MouthBookImpl::changes () const
{
  if (changes_.defined ())
    return changes_;
  const Tensor first = marks_.narrow (1, 0, config_.predicted_marks);
  const Tensor variances = first.square ().sum (0).clamp_min (1e-9);
  return torch::matmul (first.t (), pages_) / variances.unsqueeze (1);
}

// Distances of all pages in one matrix product, but for what all have in common.
Tensor
MouthBookImpl::nearest_pages (const Tensor &predicted, const Tensor &last,
                              const Tensor &squares) const
{
  const double weight = last.defined () ? 1 + config_.continuity : 1;
  const Tensor aim = last.defined () ? predicted + config_.continuity * last : predicted;
  const Tensor distance = torch::addmv (squares * weight, marks_, aim, 1, -2);
  return std::get<1> (
      distance.topk (std::min<int64_t> (nearest, config_.pages), 0, false));
}

Tensor
MouthBookImpl::forward (const Tensor &latents, Tensor &last)
{
  const Tensor squares = this->squares ();
  const Tensor predicted = torch::matmul (latents, reading_) * config_.gain;
  std::vector<Tensor> found, found_marks;
  for (int64_t t = 0; t < latents.size (0); t++) {
    const Tensor index = nearest_pages (predicted[t], last, squares);
    const Tensor marks = marks_.index_select (0, index);
    Tensor distance = (marks - predicted[t]).square ().sum (1);
    if (last.defined ())
      distance = distance + config_.continuity * (marks - last).square ().sum (1);
    const Tensor share =
        torch::softmax (-distance / (0.5 * distance.mean ()).clamp_min (1e-9), 0);
    last = torch::matmul (share, marks);
    found.push_back (torch::matmul (share, pages_.index_select (0, index)));
    found_marks.push_back (last);
  }
  const Tensor lacking =
      (predicted - torch::stack (found_marks)).narrow (1, 0, config_.predicted_marks);
  const Tensor mouths = torch::stack (found) + torch::matmul (lacking, changes ());
  return latents + torch::matmul (mouths - latents, mouth_);
}

void
MouthBookImpl::write (const Tensor &latents, const Tensor &mouth,
                      const Tensor &deviations)
{
  torch::NoGradGuard guard;
  // Principal components of the mouth's look.
  const Tensor look = mouth * deviations;
  const Tensor seen = torch::matmul (latents, look);
  const auto [variances, axes] =
      torch::linalg_eigh (torch::matmul (seen.t (), seen), "L"); // ascending
  const Tensor largest =
      axes.narrow (1, axes.size (1) - config_.marks, config_.marks).flip (1);
  mouth_.copy_ (mouth);
  reading_.copy_ (torch::matmul (look, largest));
  pages_.copy_ (latents.index_select (
      0, torch::randperm (latents.size (0), torch::kLong).narrow (0, 0, config_.pages)));
  marks_.copy_ (torch::matmul (pages_, reading_));
}

} // namespace daetalker
