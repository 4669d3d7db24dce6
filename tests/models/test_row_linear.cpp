// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <torch/utils.h>

#include "models/nn/row_linear.h"

#include "tests/models/tolerance.h"

using namespace daetalker;
using torch::Tensor;

namespace {

// Settled or not, for one row and for more than go at once, the bias untouched.
TEST (RowLinear, IsTheLinearLayer)
{
  torch::manual_seed (5);
  const torch::NoGradGuard no_grad;
  for (const bool with_bias : {true, false})
    for (const int64_t out : {48, 3})
      for (const int64_t rows : {1, 2, 7, 16, 17}) {
        RowLinear layer (37, out, with_bias);
        const Tensor bias = with_bias ? layer->bias.clone () : Tensor ();
        const Tensor x = torch::randn ({1, rows, 37});
        const Tensor expected =
            torch::linear (x.to (torch::kDouble), layer->weight.to (torch::kDouble),
                           with_bias ? bias.to (torch::kDouble) : Tensor ());
        for (const char *when : {"before", "settled", "again"}) {
          const Tensor found = layer (x);
          ASSERT_EQ (found.sizes (), expected.sizes ());
          EXPECT_LT (largest (found - expected), 1e-5)
              << rows << " rows to " << out << ", " << when;
          layer->settle ();
        }
        if (with_bias) {
          EXPECT_TRUE (torch::equal (layer->bias, bias));
        }
      }
}

// Large enough for several threads; rows that do not lie side by side.
TEST (RowLinear, OfALargeLayer)
{
  torch::manual_seed (6);
  const torch::NoGradGuard no_grad;
  RowLinear layer (768, 3072);
  layer->settle ();
  const Tensor x = torch::randn ({768, 3}).t ();
  EXPECT_LT (largest (layer (x) - torch::linear (x, layer->weight, layer->bias)), 1e-5);
}

TEST (RowLinear, KeepsItsDerivatives)
{
  RowLinear layer (8, 16);
  layer->settle ();
  layer (torch::ones ({1, 8})).sum ().backward ();
  EXPECT_TRUE (torch::equal (layer->weight.grad (), torch::ones ({16, 8})));
}

} // namespace
