// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/torch_engine.h"

#include "models/engine/avatar.h"
#include "models/engine/cache.h"
#include "models/engine/errors.h"
#include "models/engine/speech_encoder.h"
#include "models/io/bundle.h"

#include <torch/version.h>

#include <filesystem>

namespace daetalker {
namespace {

std::string
key_of (const std::string &path, const std::string &hash, const Placement &placement)
{
  return path + "\n" + hash + "\n" + placement.device_name () + "\n" +
         placement.precision_name ();
}

class TorchEngine : public Engine {
public:
  std::string name () const override
  {
    return "libtorch " + std::to_string (TORCH_VERSION_MAJOR) + "." +
           std::to_string (TORCH_VERSION_MINOR) + "." +
           std::to_string (TORCH_VERSION_PATCH);
  }

  std::vector<std::string> devices () const override { return available_devices (); }

  std::shared_ptr<Avatar> open_avatar (const std::string &path,
                                       const DeviceOptions &options,
                                       bool allow_unconsented) override
  {
    return guarded (path, [&] {
      const Placement placement = choose_placement (options);
      set_thread_count (options.threads);
      const Bundle bundle = read_bundle (path);
      if (!bundle.consent && !allow_unconsented)
        throw Error (ErrorCode::no_consent, path, "it holds no consent record",
                     "Ask the person, and record the answer in avatar.json; or set "
                     "allow-unconsented=true");
      return avatars_.get (key_of (bundle.path, bundle.hash, placement), [&] {
        return load_avatar (bundle, placement, [this, placement] (const Bundle &owner) {
          return open_own_encoder (owner, placement);
        });
      });
    });
  }

  std::shared_ptr<SpeechEncoder> open_speech_encoder (const std::string &path,
                                                      const DeviceOptions &options,
                                                      int layer) override
  {
    return guarded (path, [&] {
      const Placement placement = choose_placement (options);
      set_thread_count (options.threads);
      std::error_code error;
      const auto folder = std::filesystem::canonical (path, error);
      if (error)
        throw Error (ErrorCode::not_found, path, error.message (),
                     "Name a folder that holds config.json and model.safetensors");
      return open_encoder (folder, hash_encoder_files (folder), layer, placement);
    });
  }

private:
  // The bundle's hashes are verified by then: nothing is hashed again.
  std::shared_ptr<SpeechEncoder> open_own_encoder (const Bundle &bundle,
                                                   const Placement &placement)
  {
    const std::filesystem::path folder =
        std::filesystem::path (bundle.path) / bundle.encoder;
    return guarded (folder, [&] {
      return open_encoder (folder, encoder_files (bundle), bundle.encoder_layer,
                           placement);
    });
  }

  std::shared_ptr<SpeechEncoder>
  open_encoder (const std::string &folder,
                const std::map<std::string, std::string> &files, int layer,
                const Placement &placement)
  {
    std::string hashes;
    for (const auto &[name, hash] : files)
      hashes += name + " " + hash + "\n";
    auto net = encoders_.get (key_of (folder, hashes, placement),
                              [&] { return load_encoder_net (folder, placement); });
    return open_hidden_state (std::move (net), folder, files, layer, placement);
  }

  Cache<Avatar> avatars_;
  Cache<SpeechEncoderNet> encoders_;
};

} // namespace

Engine &
torch_engine ()
{
  // Never destroyed: streams may outlive static objects, and LibTorch's own are
  // gone in an order that nobody knows.
  static TorchEngine *engine = new TorchEngine;
  return *engine;
}

} // namespace daetalker
