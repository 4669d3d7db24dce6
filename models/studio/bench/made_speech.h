// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Sound for measurements where no recording is given: syllables, not words.
#pragma once

#include <cstdint>
#include <vector>

namespace daetalker {

constexpr int speech_rate = 16000; // samples a second

// 10 s, the same every time: noise and vowels in turn with a falling voice, four
// syllables and a pause.
std::vector<std::int16_t> made_speech ();

} // namespace daetalker
