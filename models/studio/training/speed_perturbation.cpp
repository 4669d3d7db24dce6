// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/training/speed_perturbation.h"

#include <cmath>

namespace daetalker {

using torch::Tensor;

Tensor
wave_at_speed (const Tensor &wave, double speed)
{
  const int64_t length = wave.size (0);
  const int64_t heard = int64_t (std::llround (double (length) / speed));
  // The same spectrum over another number of samples; what no longer has a place in it
  // is left out.
  const Tensor spectrum = torch::fft_rfft (wave);
  const int64_t kept = std::min (spectrum.size (0), heard / 2 + 1);
  return torch::fft_irfft (spectrum.narrow (0, 0, kept), heard) *
         (double (heard) / double (length));
}

Tensor
rows_at_speed (const Tensor &rows, double speed)
{
  const int64_t last = rows.size (0) - 1;
  const int64_t count = int64_t (std::floor (double (last) / speed)) + 1;
  const Tensor place = torch::arange (count, torch::kDouble) * speed;
  const Tensor before = place.floor ().to (torch::kLong).clamp_max (last);
  const Tensor after = (before + 1).clamp_max (last);
  const Tensor share = (place - before).to (rows.scalar_type ()).unsqueeze (1);
  return torch::lerp (rows.index_select (0, before), rows.index_select (0, after), share);
}

} // namespace daetalker
