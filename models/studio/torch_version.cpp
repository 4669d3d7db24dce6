// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/torch_version.h"

#include <ATen/Version.h>
#include <torch/version.h>

namespace daetalker {

std::string
torch_version ()
{
  return TORCH_VERSION;
}

std::string
onednn_version ()
{
  return at::get_mkldnn_version ();
}

} // namespace daetalker
