// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <torch/nn/module.h>

namespace daetalker {

// A module that makes once what depends on its weights alone, for weights that stay.
class Settling {
public:
  virtual ~Settling () = default;

  // For modules in their final type, on their device.
  virtual void settle () = 0;
};

// settle () of all of a module's that can, itself included.
inline void
settle (const torch::nn::Module &module)
{
  for (const auto &item : module.modules ())
    if (auto *settling = dynamic_cast<Settling *> (item.get ()))
      settling->settle ();
}

} // namespace daetalker
