// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/dataset.h"

#include "models/engine.h"
#include "models/io/files.h"

#include <algorithm>

namespace daetalker {

namespace {

nlohmann::json
to_json (const DatasetPiece &piece)
{
  return {{"name", piece.name}, {"first", piece.first}, {"frames", piece.frames}};
}

nlohmann::json
to_json (const DatasetClip &clip)
{
  auto pieces = nlohmann::json::array ();
  for (const DatasetPiece &piece : clip.pieces)
    pieces.push_back (to_json (piece));
  return {
      {"name", clip.name},
      {"source", clip.source},
      {"source_sha256", clip.source_sha256},
      {"frames", clip.frames},
      {"samples", clip.samples},
      {"source_size", {clip.source_size.width, clip.source_size.height}},
      {"crop", {clip.crop.x, clip.crop.y, clip.crop.width, clip.crop.height}},
      {"pieces", pieces},
      {"refused", clip.refused},
      {"notes", clip.notes},
      {"measures", clip.measures ? nlohmann::json (*clip.measures) : nullptr},
  };
}

DatasetClip
from_json (const nlohmann::json &json)
{
  DatasetClip clip;
  json.at ("name").get_to (clip.name);
  json.at ("source").get_to (clip.source);
  json.at ("source_sha256").get_to (clip.source_sha256);
  json.at ("frames").get_to (clip.frames);
  json.at ("samples").get_to (clip.samples);
  const auto size = json.at ("source_size").get<std::array<int, 2>> ();
  clip.source_size = {size[0], size[1]};
  const auto crop = json.at ("crop").get<std::array<int, 4>> ();
  clip.crop = {crop[0], crop[1], crop[2], crop[3]};
  for (const auto &piece : json.at ("pieces"))
    clip.pieces.push_back ({piece.at ("name"), piece.at ("first"), piece.at ("frames")});
  json.at ("refused").get_to (clip.refused);
  clip.notes = json.value ("notes", clip.notes);
  if (!json.at ("measures").is_null ())
    clip.measures = json.at ("measures").get<ClipMeasures> ();
  return clip;
}

DatasetClip *
find_clip (std::vector<DatasetClip> &clips, const std::string DatasetClip::*member,
           const std::string &value)
{
  const auto found =
      std::find_if (clips.begin (), clips.end (),
                    [&] (const DatasetClip &clip) { return clip.*member == value; });
  return found == clips.end () ? nullptr : &*found;
}

} // namespace

DatasetClip *
DatasetIndex::find_source (const std::string &sha256)
{
  return find_clip (clips, &DatasetClip::source_sha256, sha256);
}

DatasetClip *
DatasetIndex::find_name (const std::string &name)
{
  return find_clip (clips, &DatasetClip::name, name);
}

const DatasetPiece *
DatasetIndex::find_piece (const std::string &name) const
{
  for (const DatasetClip &clip : clips)
    for (const DatasetPiece &piece : clip.pieces)
      if (piece.name == name)
        return &piece;
  return nullptr;
}

std::vector<std::string>
DatasetIndex::usable_pieces () const
{
  std::vector<std::string> names;
  for (const DatasetClip &clip : clips)
    if (clip.refused.empty ())
      for (const DatasetPiece &piece : clip.pieces)
        names.push_back (piece.name);
  return names;
}

std::string
dataset_index_path (const std::string &dataset)
{
  return dataset + "/dataset.json";
}

std::string
dataset_clip_path (const std::string &dataset, const std::string &name)
{
  return dataset + "/clips/" + name;
}

DatasetIndex
load_dataset_index (const std::string &dataset)
{
  const MappedFile file (dataset_index_path (dataset));
  try {
    const auto json = nlohmann::json::parse (file.data (), file.data () + file.size ());
    if (json.at ("version") != dataset_version)
      throw Error (ErrorCode::wrong_model, file.path (),
                   "it is version " + json.at ("version").dump () +
                       " and this program reads " + std::to_string (dataset_version),
                   "Prepare the dataset again");
    DatasetIndex index;
    index.settings = json.at ("settings");
    for (const auto &clip : json.at ("clips"))
      index.clips.push_back (from_json (clip));
    return index;
  } catch (const nlohmann::json::exception &error) {
    throw Error (ErrorCode::corrupt, file.path (), error.what (),
                 "Remove it and prepare the dataset again");
  }
}

void
save_dataset_index (const std::string &dataset, const DatasetIndex &index)
{
  auto clips = nlohmann::json::array ();
  for (const DatasetClip &clip : index.clips)
    clips.push_back (to_json (clip));
  const nlohmann::json json = {
      {"version", dataset_version}, {"settings", index.settings}, {"clips", clips}};
  // Names of files may be in any encoding.
  const std::string text =
      json.dump (1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  replace_file (dataset_index_path (dataset), text);
}

} // namespace daetalker
