// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/logmel_conformer.h"

namespace daetalker {

LogMelConformerImpl::LogMelConformerImpl (const LogMelConformerConfig &config)
    : log_mel_ (config.log_mel),
      projection_ (register_module (
          "projection",
          torch::nn::Linear (config.log_mel.feature_size (), config.conformer.size))),
      conformer_ (register_module ("conformer", Conformer (config.conformer)))
{
}

torch::Tensor
LogMelConformerImpl::forward (const torch::Tensor &wave)
{
  return conformer_ (
      projection_ (log_mel_.forward (wave).to (projection_->weight.scalar_type ())));
}

void
LogMelConformerImpl::to_device (torch::Device device)
{
  to (device);
  log_mel_.to (device);
}

} // namespace daetalker
