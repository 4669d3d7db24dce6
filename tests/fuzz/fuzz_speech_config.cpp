// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Any text as a speech encoder's config.json.
#include "models/io/json.h"
#include "models/nn/speech_config.h"

#include <cstdlib>

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  using namespace daetalker;
  try {
    const ConfigReader config (parse_json (std::string (data, data + size), "fuzz"),
                               "fuzz");
    const SpeechEncoderConfig parsed = parse_speech_config (config, config, "fuzz");
    const auto *net = std::get_if<Wav2Vec2Config> (&parsed.model);
    if (net && (net->hop () <= 0 || net->receptive_field () <= 0))
      abort ();
    if (parsed.window.left < 0 || parsed.window.chunk < 0 || parsed.window.right < 0)
      abort ();
  } catch (const Error &) {
  }
  return 0;
}
