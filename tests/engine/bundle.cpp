// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bundle.h"

#include <glib.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <new>
#include <nlohmann/json.hpp>
#include <thread>

namespace daetalker::arithmetic {

using nlohmann::json;

namespace {

const char *remedy = "Take an intact copy of the bundle";

std::string
read_file (const std::string &path)
{
  gchar *contents = nullptr;
  gsize length = 0;
  g_autoptr (GError) error = nullptr;
  if (!g_file_get_contents (path.c_str (), &contents, &length, &error)) {
    const bool missing = g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT) ||
                         g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOTDIR);
    throw Error (missing ? ErrorCode::not_found : ErrorCode::unreadable, path,
                 g_strerror (errno), "Set the path of a readable bundle");
  }
  std::string text (contents, length);
  g_free (contents);
  return text;
}

std::string
sha256 (const std::string &data)
{
  g_autofree gchar *sum = g_compute_checksum_for_data (
      G_CHECKSUM_SHA256, (const guchar *)data.data (), data.size ());
  return sum;
}

json
read_json (const std::string &path)
{
  try {
    return json::parse (read_file (path));
  } catch (const json::exception &error) {
    throw Error (ErrorCode::corrupt, path, error.what (), remedy);
  }
}

Window
read_window (const json &node)
{
  return {node.at ("left"), node.at ("chunk"), node.at ("right")};
}

SpeechEncoderInfo
read_encoder_node (const json &node)
{
  SpeechEncoderInfo info;
  info.name = node.at ("name");
  info.hash = node.at ("hash");
  info.device = "cpu";
  info.sample_rate = node.at ("sample_rate");
  info.hop = node.at ("hop");
  info.feature_size = node.at ("feature_size");
  info.window = read_window (node.at ("window"));
  return info;
}

Pose
read_pose (const json &node)
{
  return {node.at (0), node.at (1), node.at (2)};
}

} // namespace

bool
Behaviour::spend (int ms_per_frame, std::size_t frames, const Stop &stop) const
{
  for (std::size_t i = 0; i < frames && ms_per_frame > 0; i++) {
    if (stop && stop ())
      return false;
    std::this_thread::sleep_for (std::chrono::milliseconds (ms_per_frame));
  }
  return true;
}

void
Behaviour::check (const std::string &stage, std::uint64_t frame) const
{
  if (stage != fault_stage || frame != fault_frame)
    return;
  if (fault_kind == "bad_alloc")
    throw std::bad_alloc ();
  if (fault_kind == "exception")
    throw std::logic_error ("a fault asked for by the bundle");
  throw Error (fault_kind == "no_memory" ? ErrorCode::no_memory : ErrorCode::failed,
               stage, "a fault asked for by the bundle", "Take a bundle without a fault");
}

Bundle
read_bundle (const std::string &path, bool allow_unconsented)
{
  const std::string json_path = path + "/avatar.json";
  const json root = read_json (json_path);
  Bundle bundle;
  try {
    AvatarInfo &avatar = bundle.avatar;
    avatar.name = root.at ("name");
    avatar.path = path;
    avatar.license = root.at ("license");
    avatar.device = avatar.speech_device = "cpu";
    avatar.width = root.at ("width");
    avatar.height = root.at ("height");
    avatar.fps = {root.at ("fps").at (0), root.at ("fps").at (1)};
    avatar.window = read_window (root.at ("window"));
    avatar.rest_latent = root.at ("rest_latent").get<std::vector<float>> ();
    avatar.latent_size = (int)avatar.rest_latent.size ();
    avatar.rest_pose = read_pose (root.at ("rest_pose"));
    avatar.pose_min = {-30, -20, -20};
    avatar.pose_max = {30, 20, 20};
    if (const json idle = root.value ("idle", json ()); !idle.is_null ())
      avatar.idle = {idle.at ("blinks_per_minute"),
                     idle.at ("blink").get<std::vector<std::vector<float>>> (),
                     read_pose (idle.at ("sway"))};
    avatar.steps = root.at ("steps").get<std::vector<int>> ();

    bundle.encoder = read_encoder_node (root.at ("encoder"));
    avatar.encoder_hash = bundle.encoder.hash;
    avatar.feature_size = bundle.encoder.feature_size;
    avatar.feature_rate = {bundle.encoder.sample_rate, bundle.encoder.hop};

    const json behaviour = root.value ("behaviour", json::object ());
    bundle.behaviour.load_ms = behaviour.value ("load_ms", 0);
    bundle.behaviour.features_ms = behaviour.value ("features_ms", 0);
    bundle.behaviour.latents_ms = behaviour.value ("latents_ms", 0);
    bundle.behaviour.render_ms = behaviour.value ("render_ms", 0);
    bundle.behaviour.at_once = behaviour.value ("at_once", 1);
    bundle.behaviour.fault_stage = behaviour.value ("fault_stage", "");
    bundle.behaviour.fault_kind = behaviour.value ("fault_kind", "");
    bundle.behaviour.fault_frame = behaviour.value ("fault_frame", std::uint64_t{0});
  } catch (const json::exception &error) {
    throw Error (ErrorCode::corrupt, json_path, error.what (), remedy);
  }
  bundle.behaviour.spend (bundle.behaviour.load_ms, 1, {});

  if (!root.contains ("consent") && !allow_unconsented)
    throw Error (
        ErrorCode::no_consent, json_path, "it holds no consent record",
        "Ask the person shown for consent and record it, or set allow-unconsented=true");

  const std::string weights_path = path + "/weights.bin";
  const std::string data = read_file (weights_path);
  if (data.size () != weight_count * sizeof (float))
    throw Error (ErrorCode::corrupt, weights_path,
                 "it has " + std::to_string (data.size ()) + " bytes instead of 64",
                 remedy);
  bundle.avatar.hash = sha256 (data);
  if (root.value ("sha256", "") != bundle.avatar.hash)
    throw Error (ErrorCode::corrupt, weights_path, "its SHA-256 is not avatar.json's",
                 remedy);
  bundle.weights.resize (weight_count);
  std::memcpy (bundle.weights.data (), data.data (), data.size ());
  for (float weight : bundle.weights)
    if (!std::isfinite (weight))
      throw Error (ErrorCode::corrupt, weights_path, "it holds NaN or infinity", remedy);
  return bundle;
}

SpeechEncoderInfo
read_encoder (const std::string &path, int layer)
{
  const std::string json_path = path + "/config.json";
  const json root = read_json (json_path);
  try {
    const int layers = root.at ("num_hidden_layers");
    if (layer < -1 || layer > layers)
      throw Error (ErrorCode::wrong_model, json_path,
                   "it has no hidden state " + std::to_string (layer),
                   "Set layer to -1 or to a number up to " + std::to_string (layers));
    SpeechEncoderInfo info = read_encoder_node (root);
    if (layer != -1)
      info.hash += "-" + std::to_string (layer);
    return info;
  } catch (const json::exception &error) {
    throw Error (ErrorCode::corrupt, json_path, error.what (), remedy);
  }
}

} // namespace daetalker::arithmetic
