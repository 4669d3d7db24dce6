// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Bundles for the arithmetic engine (tests/engine), written to a temporary
// folder that disappears with the object.
#pragma once

#include <glib.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

class TestBundle {
public:
  enum Damage {
    none,
    truncated,
    wrong_hash,
    nan_weight,
    no_consent,
    no_weights,
    no_json,
    bad_json
  };

  // `changes`: a JSON merge patch on the avatar of default_json(); `gain` is the
  // renderer's weights[0], and what makes two avatars' hashes differ.
  explicit TestBundle (const nlohmann::json &changes = nlohmann::json::object (),
                       Damage damage = none, float gain = 1.0f)
  {
    g_autofree gchar *folder = g_dir_make_tmp ("daetalker-XXXXXX", nullptr);
    EXPECT_NE (folder, nullptr);
    path_ = folder;
    write (changes, damage, gain);
  }
  TestBundle (const TestBundle &) = delete;
  TestBundle &operator= (const TestBundle &) = delete;
  ~TestBundle () { std::filesystem::remove_all (path_); }

  const std::string &path () const { return path_; }
  const char *c_str () const { return path_.c_str (); }

  // 64x48 at 25 fps; 8 numbers per latent; features of 6 numbers, 50 a second.
  // speechfeatures: chunk 2, look-ahead 4 hops of 20 ms; speech2latent: chunk 1,
  // look-ahead 2 frames of 40 ms.
  static nlohmann::json default_json ()
  {
    return {{"name", "arithmetic"},
            {"license", "CC0-1.0"},
            {"width", 64},
            {"height", 48},
            {"fps", {25, 1}},
            {"window", {{"left", 3}, {"chunk", 1}, {"right", 2}}},
            {"rest_latent", {0.25, 0, 0, 0, 0, 0, 0, 0}},
            {"rest_pose", {1, 2, 3}},
            {"steps", {1, 2, 5}},
            {"encoder", default_encoder_json ()},
            {"consent", {{"who", "the test"}, {"scope", "tests"}}}};
  }

  static nlohmann::json default_encoder_json ()
  {
    return {
        {"name", "arithmetic"}, {"hash", "0123abcd"},
        {"sample_rate", 16000}, {"hop", 320},
        {"feature_size", 6},    {"window", {{"left", 5}, {"chunk", 2}, {"right", 4}}}};
  }

  // A speech encoder's folder inside the bundle's; returns its path.
  std::string
  write_encoder (const nlohmann::json &changes = nlohmann::json::object ()) const
  {
    nlohmann::json root = default_encoder_json ();
    root["num_hidden_layers"] = 12;
    root.merge_patch (changes);
    const std::string folder = path_ + "/encoder";
    std::filesystem::create_directory (folder);
    std::ofstream (folder + "/config.json") << root;
    return folder;
  }

private:
  void write (const nlohmann::json &changes, Damage damage, float gain) const
  {
    std::array<float, 16> weights{};
    weights[0] = gain;
    if (damage == nan_weight)
      weights[5] = std::numeric_limits<float>::quiet_NaN ();
    std::string data ((const char *)weights.data (), sizeof (weights));

    nlohmann::json root = default_json ();
    g_autofree gchar *sum = g_compute_checksum_for_data (
        G_CHECKSUM_SHA256, (const guchar *)data.data (), data.size ());
    root["sha256"] = sum;
    root.merge_patch (changes);
    if (damage == no_consent)
      root.erase ("consent");
    if (damage == truncated)
      data.resize (data.size () / 2);
    if (damage == wrong_hash)
      data[8] ^= 1;
    if (damage != no_weights)
      std::ofstream (path_ + "/weights.bin", std::ios::binary) << data;
    if (damage != no_json)
      std::ofstream (path_ + "/avatar.json") << (damage == bad_json ? "{" : root.dump ());
  }

  std::string path_;
};
