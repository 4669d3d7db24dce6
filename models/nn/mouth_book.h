// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Mouths of real frames.  What speech predicts is an average of the mouths that may be,
// and in latents that are linear in the picture an average of mouths is a blur: no teeth,
// and lips that neither meet nor part.  The book replaces the mouth, and nothing else, by
// a blend of the few real ones that are most like it and go on from the last one shown
// (as Video Rewrite, Bregler et al. 1997, joins pieces of footage).  No real mouth is
// quite as predicted: what the blend lacks of the coarsest motion is added to it.
#pragma once

#include "models/nn/mouth_book_config.h"

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "models/nn/settling.h"

namespace daetalker {

class MouthBookImpl : public torch::nn::Module, public Settling {
public:
  MouthBookImpl (int latent_size, const MouthBookConfig &config);

  // latents: [T, Z], as they differ from the person's mean, in the order of time; `last`:
  // marks of the mouth shown before, undefined at a stream's start, left for the next
  // call.  Returns the latents with real mouths.
  torch::Tensor forward (const torch::Tensor &latents, torch::Tensor &last);

  // latents: [N, Z], N >= pages, of real frames as they differ from their clip's mean, of
  // which pages are drawn; `mouth`: [Z, Z], takes a change of the latent to what of it
  // lies in the mouth's region (EigenfacesImpl::within); `deviations`: [Z], how much each
  // number of a latent moves the picture.
  void write (const torch::Tensor &latents, const torch::Tensor &mouth,
              const torch::Tensor &deviations);

  void settle () override;

private:
  torch::Tensor squares () const;
  torch::Tensor changes () const;
  torch::Tensor nearest_pages (const torch::Tensor &predicted, const torch::Tensor &last,
                               const torch::Tensor &squares) const;

  MouthBookConfig config_;
  torch::Tensor pages_;   // [pages, Z]
  torch::Tensor marks_;   // [pages, marks]
  torch::Tensor reading_; // [Z, marks]
  torch::Tensor mouth_;   // [Z, Z]
  torch::Tensor squares_; // [pages], of the marks; once settled
  torch::Tensor changes_; // [predicted_marks, Z]; once settled
};
TORCH_MODULE (MouthBook);

} // namespace daetalker
