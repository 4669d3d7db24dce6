// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Any text as avatar.json, and the network configurations in it.
#include "models/engine/network_configs.h"
#include "models/io/bundle.h"

#include <cstdlib>

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  try {
    const auto bundle = daetalker::parse_bundle (std::string (data, data + size), "fuzz");
    for (const auto &[name, hash] : bundle.files)
      if (name.empty () || name[0] == '/' || name.find ("../") == 0 ||
          name.find ("/../") != std::string::npos || hash.size () != 64)
        abort ();
    if (bundle.info.rest_latent.size () !=
        static_cast<std::size_t> (bundle.info.latent_size))
      abort ();
    daetalker::read_network_configs (bundle);
  } catch (const daetalker::Error &) {
  }
  return 0;
}
