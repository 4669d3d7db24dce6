// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/render.h"

#include "models/engine.h"
#include "models/io/files.h"
#include "models/studio/avatar_search.h"
#include "models/studio/progress.h"
#include "models/studio/video_pipeline.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

namespace daetalker {

namespace fs = std::filesystem;

namespace {

void
check_audio (const std::string &path)
{
  std::error_code error;
  const fs::file_status status = fs::status (path, error);
  if (!fs::exists (status))
    throw Error (ErrorCode::not_found, path, "there is no such file", "Check the path");
  if (fs::is_directory (status))
    throw Error (ErrorCode::unreadable, path, "it is a folder",
                 "Name the sound files in it, such as " + path + "/*.wav");
}

// What a video depends on.  avatar.json holds the hashes of all other files of an
// avatar.
nlohmann::json
recipe (const std::string &audio, const RenderOptions &options)
{
  const std::string avatar = require_avatar (options.avatar);
  return {{"audio_sha256", sha256_of_file (audio)},
          {"avatar_sha256", sha256_of_file (avatar + "/avatar.json")},
          {"steps", options.steps}};
}

bool
is_done (const std::string &output, const nlohmann::json &wanted)
{
  if (!fs::exists (output + ".mp4") || !fs::exists (output + ".json"))
    return false;
  const MappedFile file (output + ".json");
  const auto made =
      nlohmann::json::parse (file.data (), file.data () + file.size (), nullptr, false);
  return made.is_object () && made.value ("recipe", nlohmann::json ()) == wanted;
}

void
render_one (const std::string &audio, const RenderOptions &options, Progress &progress)
{
  const std::string output = options.output + "/" + fs::path (audio).stem ().string ();
  check_audio (audio);
  const nlohmann::json wanted = recipe (audio, options);
  if (is_done (output, wanted))
    return;
  const VideoRequest request = {audio, output + ".mp4", options.avatar, options.steps,
                                options.allow_unconsented};
  const VideoResult made = make_video (request, [&] (double seconds) {
    progress.note (fs::path (audio).filename ().string () + " " +
                   format_duration (seconds));
  });
  // The video first: a video without its recipe is made again, which is harmless.
  const nlohmann::json note = {
      {"recipe", wanted}, {"audio", audio}, {"seconds", made.seconds}};
  const std::string text =
      note.dump (1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  replace_file (output + ".json", text);
}

// Two jobs must not write the same video.
void
check_names (const std::vector<std::string> &audio)
{
  std::set<std::string> names;
  for (const std::string &path : audio)
    if (!names.insert (fs::path (path).stem ().string ()).second)
      throw Error (ErrorCode::wrong_model, path, "another file has the same name",
                   "Render them into different folders");
}

} // namespace

Shard
parse_shard (const std::string &text)
{
  Shard shard;
  int used = 0;
  const int fields =
      std::sscanf (text.c_str (), "%zu/%zu%n", &shard.index, &shard.count, &used);
  const bool digits = text.find_first_not_of ("0123456789/") == std::string::npos;
  if (fields != 2 || !digits || std::size_t (used) != text.size () ||
      shard.index >= shard.count)
    throw std::invalid_argument (text + " is not i/n with 0 <= i < n");
  return shard;
}

void
render_audio (const RenderOptions &options)
{
  check_names (options.audio);
  std::error_code error;
  fs::create_directories (options.output, error);
  if (error)
    throw Error (ErrorCode::unreadable, options.output, error.message (),
                 "Name a folder that can be written");
  std::vector<std::string> mine;
  for (std::size_t i = 0; i < options.audio.size (); ++i)
    if (options.shard.holds (i))
      mine.push_back (options.audio[i]);

  Progress progress ("render", mine.size ());
  std::size_t failed = 0;
  for (const std::string &audio : mine) {
    try {
      render_one (audio, options, progress);
    } catch (const Error &reason) {
      ++failed;
      std::fprintf (stderr, "daetalker: %s\n", reason.what ());
    }
    progress.add ();
  }
  if (failed > 0)
    throw Error (ErrorCode::failed, options.output,
                 std::to_string (failed) + " of " + std::to_string (mine.size ()) +
                     " files could not be rendered",
                 "See above; the others are there and are not made again");
}

} // namespace daetalker
