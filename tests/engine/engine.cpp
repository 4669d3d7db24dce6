// SPDX-License-Identifier: LGPL-2.1-or-later
//
// models/engine.h in arithmetic only: no network, no LibTorch.  The elements'
// tests run on it in milliseconds, under valgrind and sanitizers.
#include "bundle.h"
#include "pictures.h"
#include "streams.h"

#include <algorithm>
#include <cstdlib>

namespace daetalker::arithmetic {

namespace {

// GPUs as the environment variable DAETALKER_FAKE_GPUS counts them.
std::vector<std::string>
known_devices ()
{
  std::vector<std::string> devices = {"cpu"};
  const char *count = std::getenv ("DAETALKER_FAKE_GPUS");
  for (int i = 0; i < (count != nullptr ? std::atoi (count) : 0); i++)
    devices.push_back ("cuda:" + std::to_string (i));
  return devices;
}

std::string
choose_device (const std::string &wanted)
{
  const std::vector<std::string> devices = known_devices ();
  if (wanted == "auto")
    return devices[devices.size () > 1 ? 1 : 0];
  if (std::find (devices.begin (), devices.end (), wanted) == devices.end ())
    throw Error (ErrorCode::no_device, "device '" + wanted + "'",
                 "this machine has cpu only", "Set device=cpu or device=auto");
  return wanted;
}

void
check_options (const DeviceOptions &options)
{
  choose_device (options.device);
  if (options.precision != "auto" && options.precision != "float32" &&
      options.precision != "bfloat16")
    throw Error (ErrorCode::wrong_model, "precision '" + options.precision + "'",
                 "it is unknown", "Set precision=auto, float32 or bfloat16");
}

void
check_window (const Window &window)
{
  if (window.left < 0 || window.chunk < 0 || window.right < 0)
    throw Error (ErrorCode::wrong_model, "window", "it is negative",
                 "Set chunk and look-ahead to 0 or more");
}

class ArithmeticSpeechEncoder : public SpeechEncoder {
public:
  ArithmeticSpeechEncoder (const SpeechEncoderInfo &info, const Behaviour &behaviour)
      : info_ (info), behaviour_ (behaviour)
  {
  }

  const SpeechEncoderInfo &info () const override { return info_; }

  std::unique_ptr<FeatureStream> open_stream (const Window *window) override
  {
    const Window &used = window != nullptr ? *window : info_.window;
    check_window (used);
    return open_feature_stream (info_, used, behaviour_);
  }

private:
  const SpeechEncoderInfo info_;
  const Behaviour behaviour_;
};

class ArithmeticAvatar : public Avatar {
public:
  explicit ArithmeticAvatar (const Bundle &bundle) : bundle_ (bundle) {}

  const AvatarInfo &info () const override { return bundle_.avatar; }

  std::shared_ptr<SpeechEncoder> speech_encoder () override
  {
    return std::make_shared<ArithmeticSpeechEncoder> (bundle_.encoder, bundle_.behaviour);
  }

  std::unique_ptr<LatentStream> open_stream (const Window *window) override
  {
    const Window &used = window != nullptr ? *window : bundle_.avatar.window;
    check_window (used);
    return open_latent_stream (bundle_.avatar, used, bundle_.behaviour);
  }

  std::unique_ptr<Renderer> open_renderer () override
  {
    return arithmetic::open_renderer (bundle_);
  }

  std::unique_ptr<ImageEncoder> open_image_encoder () override
  {
    return arithmetic::open_image_encoder (bundle_);
  }

private:
  const Bundle bundle_;
};

class ArithmeticEngine : public Engine {
public:
  std::string name () const override { return "arithmetic"; }
  std::vector<std::string> devices () const override { return known_devices (); }

  std::shared_ptr<Avatar> open_avatar (const std::string &path,
                                       const DeviceOptions &options,
                                       bool allow_unconsented) override
  {
    check_options (options);
    Bundle bundle = read_bundle (path, allow_unconsented);
    bundle.avatar.device = choose_device (options.device);
    bundle.avatar.speech_device = bundle.avatar.device;
    bundle.avatar.speech_precision = "float32";
    bundle.avatar.precision = options.precision == "auto" ? "float32" : options.precision;
    return std::make_shared<ArithmeticAvatar> (bundle);
  }

  std::shared_ptr<SpeechEncoder> open_speech_encoder (const std::string &path,
                                                      const DeviceOptions &options,
                                                      int layer) override
  {
    check_options (options);
    return std::make_shared<ArithmeticSpeechEncoder> (read_encoder (path, layer),
                                                      Behaviour{});
  }
};

} // namespace

} // namespace daetalker::arithmetic

daetalker::Engine *
daetalker_engine_create (int abi)
{
  static daetalker::arithmetic::ArithmeticEngine engine;
  return abi == daetalker::engine_abi ? &engine : nullptr;
}
