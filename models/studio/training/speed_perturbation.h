// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Speed perturbation (Ko, Peddinti, Povey, Khudanpur 2015): speech played faster or
// slower, so that pitch, formants and pace change together, as with another speaker.
#pragma once

#include <torch/torch.h>

namespace daetalker {

// wave: [L] -> [round(L / speed)], band-limited.
torch::Tensor wave_at_speed (const torch::Tensor &wave, double speed);

// rows: [T, D], of equal times -> [floor((T - 1) / speed) + 1, D]; row k is what stands
// at k * speed, between two rows a blend of both.
torch::Tensor rows_at_speed (const torch::Tensor &rows, double speed);

} // namespace daetalker
