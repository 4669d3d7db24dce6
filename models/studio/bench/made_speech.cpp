// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/bench/made_speech.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

namespace daetalker {

namespace {

constexpr double pi = 3.14159265358979323846;
constexpr int syllable = speech_rate / 5, consonant = speech_rate / 20;
constexpr int syllables_in_word = 4, word = (syllables_in_word + 1) * syllable;

// Formants of men's vowels in Hz (Peterson and Barney 1952): i, a, u, e, o.
using Formants = std::array<double, 3>;
constexpr Formants vowels[] = {{270, 2290, 3010},
                               {730, 1090, 2440},
                               {300, 870, 2240},
                               {530, 1840, 2480},
                               {570, 840, 2410}};

// A two-pole filter with unit gain at 0 Hz: one formant.
class Resonator {
public:
  double operator() (double input, double frequency)
  {
    constexpr double bandwidth = 90;
    const double radius = std::exp (-pi * bandwidth / speech_rate);
    const double b = 2 * radius * std::cos (2 * pi * frequency / speech_rate);
    const double c = -radius * radius;
    const double output = (1 - b - c) * input + b * last_ + c * before_;
    before_ = last_;
    return last_ = output;
  }

private:
  double last_ = 0, before_ = 0;
};

} // namespace

std::vector<std::int16_t>
made_speech ()
{
  std::minstd_rand random (1);
  const auto noise = [&random] {
    return 2.0 * double (random () - random.min ()) / double (random.max ()) - 1;
  };
  std::array<Resonator, 3> formants;
  std::vector<double> sound (10 * speech_rate);
  double phase = 0; // of the voice, in periods
  for (int i = 0; i < int (sound.size ()); i++) {
    const int in_word = i % word, in_syllable = i % syllable;
    double source = 0;
    if (in_word < syllables_in_word * syllable) {
      const double envelope = std::sin (pi * in_syllable / syllable);
      phase += (130 - 30.0 * in_word / word) / speech_rate;
      phase -= std::floor (phase);
      source = envelope * (in_syllable < consonant ? 0.3 * noise () : 0.5 - phase);
    }
    const Formants &vowel = vowels[(i / syllable) % std::size (vowels)];
    for (std::size_t k = 0; k < formants.size (); k++)
      source = formants[k](source, vowel[k]);
    sound[std::size_t (i)] = source;
  }
  double loudest = 0;
  for (const double sample : sound)
    loudest = std::max (loudest, std::abs (sample));
  std::vector<std::int16_t> samples;
  for (const double sample : sound)
    samples.push_back (std::int16_t (std::lround (16000 * sample / loudest)));
  return samples;
}

} // namespace daetalker
