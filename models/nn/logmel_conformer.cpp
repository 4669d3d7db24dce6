// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/nn/logmel_conformer.h"

namespace daetalker {

LogMelConformerImpl::LogMelConformerImpl (const LogMelConformerConfig &config)
    : config_ (config), log_mel_ (config.log_mel),
      projection_ (
          register_module ("projection", RowLinear (config.log_mel.feature_size (),
                                                    config.conformer.size))),
      conformer_ (register_module ("conformer", Conformer (config.conformer)))
{
}

torch::Tensor
LogMelConformerImpl::project (const torch::Tensor &mel)
{
  return projection_ (mel.to (projection_->weight.scalar_type ()));
}

torch::Tensor
LogMelConformerImpl::forward (const torch::Tensor &wave, int64_t left)
{
  if (!config_.is_causal ())
    return conformer_ (project (log_mel_.forward (wave)));
  const int64_t hop = config_.log_mel.hop ();
  const int64_t frames = (wave.size (1) + hop - 1) / hop;
  const int64_t heard = frames + config_.look_ahead;
  const auto with_silence =
      torch::constant_pad_nd (wave, {0, heard * hop - wave.size (1)});
  torch::Tensor mask;
  if (left >= 0)
    mask = torch::ones ({1, heard, heard}, wave.options ().dtype (torch::kBool))
               .triu (-left);
  return conformer_ (project (log_mel_.forward (with_silence)), mask)
      .narrow (1, config_.look_ahead, frames);
}

LogMelConformerImpl::Past
LogMelConformerImpl::new_past (int64_t left) const
{
  Past past;
  past.conformer.left = left;
  past.early = config_.look_ahead;
  return past;
}

torch::Tensor
LogMelConformerImpl::go_on (const torch::Tensor &wave, Past &past)
{
  const auto mel = log_mel_.forward (wave, &past.samples);
  const auto features = conformer_->go_on (project (mel), past.conformer);
  const int64_t early = std::min (past.early, features.size (1));
  past.early -= early;
  return features.slice (1, early);
}

void
LogMelConformerImpl::to_device (torch::Device device)
{
  to (device);
  log_mel_.to (device);
}

} // namespace daetalker
