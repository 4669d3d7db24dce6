// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The arithmetic engine's bundle: a folder with `avatar.json` and `weights.bin`
// (16 float32 numbers), small enough for a test to write and to damage.  Written
// by tests/elements/testbundle.h.
#pragma once

#include <string>
#include <vector>

#include "models/engine.h"

namespace daetalker::arithmetic {

constexpr std::size_t weight_count = 16;

// What one step costs and where it fails, so that tests can provoke slowness and
// errors in the middle of a stream.
struct Behaviour {
  int load_ms = 0;
  int features_ms = 0;     // per feature frame
  int latents_ms = 0;      // per native video frame
  int render_ms = 0;       // per picture
  int at_once = 1;         // Renderer's
  std::string fault_stage; // features, latents, render, encode
  std::string fault_kind;  // error, no_memory, bad_alloc, exception
  std::uint64_t fault_frame = 0;

  // Spends the time of `frames` frames; false if `stop` said so between two.
  bool spend (int ms_per_frame, std::size_t frames, const Stop &stop) const;
  // Throws if `frame` of `stage` is the one that fails.
  void check (const std::string &stage, std::uint64_t frame) const;
};

struct Bundle {
  AvatarInfo avatar;
  SpeechEncoderInfo encoder;
  Behaviour behaviour;
  std::vector<float> weights;
};

// Throws Error: not_found, unreadable, corrupt (malformed, truncated, wrong hash,
// NaN), no_consent.
Bundle read_bundle (const std::string &path, bool allow_unconsented);

// A speech encoder alone: the folder's config.json.  Throws like read_bundle;
// wrong_model if it has no hidden state `layer`.
SpeechEncoderInfo read_encoder (const std::string &path, int layer);

} // namespace daetalker::arithmetic
