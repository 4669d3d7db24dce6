// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/io/bundle.h"

#include "models/io/files.h"
#include "models/io/json.h"
#include "models/nn/config.h"

#include <cmath>
#include <filesystem>

namespace daetalker {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr int max_side = 8192;
constexpr int max_vector = 1 << 16;
constexpr int max_window = 1 << 20;
constexpr std::size_t max_blink = 250; // frames

// ConfigReader knows types and ranges; avatar.json has no defaults.
class Reader {
public:
  Reader (const json &object, const std::string &subject)
      : values_ (object, subject), object_ (object), subject_ (subject)
  {
  }

  int integer (const char *key, int min, int max) const
  {
    require (key);
    return values_.integer (key, 0, min, max);
  }

  std::string text (const char *key) const
  {
    require (key);
    return values_.text (key, "");
  }

  Fraction rate (const char *key) const
  {
    require (key);
    const std::vector<int> parts = values_.integers (key, {}, 1, 1'000'000, 2);
    if (parts.size () != 2)
      fail (key, "must be two numbers, numerator and denominator");
    if (parts[0] / parts[1] > 1000 || parts[1] / parts[0] > 1000)
      fail (key, "lies outside 0.001 to 1000 a second");
    return {parts[0], parts[1]};
  }

  std::vector<float> numbers (const char *key, std::size_t count) const
  {
    require (key);
    return numbers (key, object_.at (key), count);
  }

  // A list of lists of `count` numbers.
  std::vector<std::vector<float>> rows (const char *key, std::size_t max_rows,
                                        std::size_t count) const
  {
    require (key);
    const json &list = object_.at (key);
    if (!list.is_array () || list.size () > max_rows)
      fail (key, "must be a list of at most " + std::to_string (max_rows) + " lists");
    std::vector<std::vector<float>> rows;
    for (const json &row : list)
      rows.push_back (numbers (key, row, count));
    return rows;
  }

  double real (const char *key, double min, double max) const
  {
    require (key);
    return values_.real (key, 0, min, max);
  }

  Pose pose (const char *key) const
  {
    const std::vector<float> values = numbers (key, 3);
    return {values[0], values[1], values[2]};
  }

  Reader object (const char *key) const
  {
    require (key);
    return Reader (object_.at (key), subject_);
  }

  bool has (const char *key) const { return values_.has (key); }
  const json &value () const { return object_; }

  [[noreturn]] void fail (const std::string &key, const std::string &reason) const
  {
    values_.fail ("\"" + key + "\" " + reason);
  }

private:
  std::vector<float> numbers (const char *key, const json &list, std::size_t count) const
  {
    const auto is_sane = [] (const json &item) {
      return item.is_number () && std::fabs (item.get<double> ()) <= 1e6;
    };
    if (!list.is_array () || list.size () != count ||
        !std::all_of (list.begin (), list.end (), is_sane))
      fail (key, "must be a list of " + std::to_string (count) + " numbers");
    return list.get<std::vector<float>> ();
  }

  void require (const char *key) const
  {
    if (!values_.has (key))
      fail (key, "is missing");
  }

  ConfigReader values_;
  const json &object_;
  std::string subject_;
};

// A path that stays below the folder it starts from, as far as words can tell.
bool
is_inner_path (const std::string &text)
{
  const fs::path path (text);
  if (text.empty () || path.is_absolute () || text.find ('\0') != std::string::npos)
    return false;
  return std::none_of (path.begin (), path.end (), [] (const fs::path &part) {
    return part == ".." || part == "." || part.empty ();
  });
}

bool
is_sha256 (const std::string &text)
{
  return text.size () == 64 &&
         text.find_first_not_of ("0123456789abcdef") == std::string::npos;
}

Window
parse_window (const Reader &reader)
{
  Window window;
  window.left = reader.integer ("left", 0, max_window);
  window.chunk = reader.integer ("chunk", 0, max_window);
  window.right = reader.integer ("right", 0, max_window);
  return window;
}

std::map<std::string, std::string>
parse_files (const Reader &reader)
{
  std::map<std::string, std::string> files;
  for (const auto &[name, hash] : reader.value ().items ()) {
    if (!is_inner_path (name))
      reader.fail ("files", "names " + json (name).dump () +
                                ", which is not a path inside the bundle");
    if (!hash.is_string () || !is_sha256 (hash.get<std::string> ()))
      reader.fail (name, "needs its SHA-256 in lower-case hex");
    files[name] = hash.get<std::string> ();
  }
  for (const char *needed :
       {bundle_file::autoencoder, bundle_file::speech2latent, bundle_file::noise})
    if (files.count (needed) == 0)
      reader.fail (needed, "is not listed under \"files\"");
  return files;
}

ConsentRecord
parse_consent (const Reader &reader)
{
  ConsentRecord record{reader.text ("who"), reader.text ("when"), reader.text ("scope"),
                       reader.text ("source")};
  for (const std::string &text : {record.who, record.when, record.scope, record.source})
    if (text.empty ())
      reader.fail ("consent", "has an empty entry");
  return record;
}

Idle
parse_idle (const Reader &reader, std::size_t latent_size)
{
  return {reader.real ("blinks_per_minute", 0, 600),
          reader.rows ("blink", max_blink, latent_size), reader.pose ("sway")};
}

std::vector<int>
parse_steps (const Reader &reader, const ConfigReader &values)
{
  std::vector<int> steps = values.integers ("steps", {}, 1, 1000, 1000);
  if (steps.empty ())
    reader.fail ("steps", "is missing");
  if (!std::is_sorted (steps.begin (), steps.end (), std::less_equal<int> ()))
    reader.fail ("steps", "must ascend");
  return steps;
}

fs::path
resolve (const fs::path &path)
{
  std::error_code error;
  const fs::path resolved = fs::canonical (path, error);
  if (error)
    throw Error (ErrorCode::not_found, path, error.message (),
                 "Check the path; a bundle must hold every file its avatar.json lists");
  return resolved;
}

void
check_inside (const fs::path &folder, const std::string &name)
{
  const fs::path path = resolve (folder / name);
  const auto [end, ignored] =
      std::mismatch (folder.begin (), folder.end (), path.begin (), path.end ());
  if (end != folder.end ())
    throw Error (ErrorCode::corrupt, folder / name, "it leads out of the bundle",
                 "Copy the file into the bundle in place of the link");
}

// To four places, which keeps the text short.
json
rounded (const std::vector<std::vector<float>> &rows)
{
  json result = json::array ();
  for (const std::vector<float> &row : rows) {
    json &list = result.emplace_back (json::array ());
    for (const float value : row)
      list.push_back (std::round (double (value) * 1e4) / 1e4);
  }
  return result;
}

json
to_json (const Bundle &bundle)
{
  const AvatarInfo &info = bundle.info;
  json root = {
      {"schema", bundle_schema},
      {"name", info.name},
      {"license", info.license},
      {"width", info.width},
      {"height", info.height},
      {"fps", {info.fps.num, info.fps.den}},
      {"latent_size", info.latent_size},
      {"feature_size", info.feature_size},
      {"feature_rate", {info.feature_rate.num, info.feature_rate.den}},
      {"window",
       {{"left", info.window.left},
        {"chunk", info.window.chunk},
        {"right", info.window.right}}},
      {"rest_latent", info.rest_latent},
      {"rest_pose", info.rest_pose},
      {"pose_min", info.pose_min},
      {"pose_max", info.pose_max},
      {"steps", info.steps},
      {"autoencoder", bundle.autoencoder},
      {"speech2latent", bundle.speech2latent},
      {"encoder",
       {{"path", bundle.encoder},
        {"layer", bundle.encoder_layer},
        {"hash", info.encoder_hash}}},
      {"files", bundle.files},
  };
  if (bundle.consent)
    root["consent"] = {{"who", bundle.consent->who},
                       {"when", bundle.consent->when},
                       {"scope", bundle.consent->scope},
                       {"source", bundle.consent->source}};
  if (!bundle.training.empty ())
    root["training"] = bundle.training;
  const Pose &sway = info.idle.sway;
  if (!info.idle.blink.empty () ||
      std::any_of (sway.begin (), sway.end (), [] (float angle) { return angle != 0; }))
    root["idle"] = {{"blinks_per_minute", info.idle.blinks_per_minute},
                    {"blink", rounded (info.idle.blink)},
                    {"sway", sway}};
  return root;
}

} // namespace

Bundle
parse_bundle (const std::string &text, const std::string &subject)
{
  const json root = parse_json (text, subject);
  const ConfigReader values (root, subject);
  const Reader reader (root, subject);

  const int schema = reader.integer ("schema", 1, std::numeric_limits<int>::max ());
  if (schema != bundle_schema)
    throw Error (ErrorCode::wrong_model, subject,
                 "its schema is version " + std::to_string (schema) +
                     " and this program reads version " + std::to_string (bundle_schema),
                 "Use a version of gst-daetalker that matches the avatar");

  Bundle bundle;
  bundle.hash = sha256 (text.data (), text.size ());
  AvatarInfo &info = bundle.info;
  info.name = reader.text ("name");
  info.license = reader.text ("license");
  info.width = reader.integer ("width", 8, max_side);
  info.height = reader.integer ("height", 8, max_side);
  info.fps = reader.rate ("fps");
  info.latent_size = reader.integer ("latent_size", 1, max_vector);
  info.feature_size = reader.integer ("feature_size", 1, max_vector);
  info.feature_rate = reader.rate ("feature_rate");
  info.window = parse_window (reader.object ("window"));
  info.rest_latent =
      reader.numbers ("rest_latent", static_cast<std::size_t> (info.latent_size));
  info.rest_pose = reader.pose ("rest_pose");
  info.pose_min = reader.pose ("pose_min");
  info.pose_max = reader.pose ("pose_max");
  info.steps = parse_steps (reader, values);

  bundle.autoencoder = reader.object ("autoencoder").value ();
  bundle.speech2latent = reader.object ("speech2latent").value ();

  const Reader encoder = reader.object ("encoder");
  bundle.encoder = encoder.text ("path");
  if (!is_inner_path (bundle.encoder))
    encoder.fail ("path", "is not a path inside the bundle");
  bundle.encoder_layer = encoder.integer ("layer", -2, 1000);
  info.encoder_hash = encoder.text ("hash");
  if (!is_sha256 (info.encoder_hash))
    encoder.fail ("hash", "must be a SHA-256 in lower-case hex");

  bundle.files = parse_files (reader.object ("files"));
  if (encoder_files (bundle).count ("config.json") == 0)
    reader.fail (bundle.encoder + "/config.json", "is not listed under \"files\"");
  info.hash = bundle.files.at (bundle_file::autoencoder);

  if (reader.has ("consent"))
    bundle.consent = parse_consent (reader.object ("consent"));
  if (reader.has ("training"))
    bundle.training = reader.object ("training").value ();
  if (reader.has ("idle"))
    info.idle = parse_idle (reader.object ("idle"), std::size_t (info.latent_size));
  return bundle;
}

Bundle
read_bundle (const std::string &folder)
{
  const fs::path root = resolve (folder);
  const std::string description = root / bundle_file::description;
  const MappedFile file (description);
  Bundle bundle =
      parse_bundle (std::string (file.data (), file.data () + file.size ()), description);
  bundle.path = root;
  bundle.info.path = root;
  for (const auto &[name, hash] : bundle.files)
    check_inside (root, name);
  return bundle;
}

void
verify_files (const Bundle &bundle)
{
  for (const auto &[name, expected] : bundle.files) {
    const std::string path = fs::path (bundle.path) / name;
    if (sha256_of_file (path) != expected)
      throw Error (ErrorCode::corrupt, path,
                   "its SHA-256 is not the one that avatar.json lists",
                   "Copy or download the avatar again");
  }
  const auto listed = encoder_files (bundle);
  const fs::path encoder = fs::path (bundle.path) / bundle.encoder;
  std::error_code error;
  for (const auto &entry : fs::directory_iterator (encoder, error)) {
    const fs::path name = entry.path ().filename ();
    const bool may_be_loaded =
        name.extension () == ".json" || name.extension () == ".safetensors";
    if (may_be_loaded && listed.count (name) == 0)
      throw Error (ErrorCode::corrupt, entry.path (), "avatar.json does not list it",
                   "Remove it, or copy the avatar again");
  }
}

std::string
file_path (const Bundle &bundle, const std::string &name)
{
  if (bundle.files.count (name) == 0)
    throw Error (ErrorCode::not_found, fs::path (bundle.path) / name,
                 "avatar.json does not list it", "Use a complete avatar");
  return fs::path (bundle.path) / name;
}

std::map<std::string, std::string>
encoder_files (const Bundle &bundle)
{
  std::map<std::string, std::string> result;
  for (const auto &[name, hash] : bundle.files) {
    const fs::path path (name);
    if (path.parent_path () == bundle.encoder)
      result[path.filename ()] = hash;
  }
  return result;
}

Bundle
write_bundle (const std::string &folder, Bundle bundle)
{
  const fs::path root = resolve (folder);
  std::vector<std::string> names = {bundle_file::autoencoder, bundle_file::speech2latent,
                                    bundle_file::noise};
  if (fs::exists (root / "card.md"))
    names.push_back ("card.md");
  std::error_code error;
  for (const auto &entry : fs::directory_iterator (root / bundle.encoder, error))
    if (entry.is_regular_file ())
      names.push_back (fs::path (bundle.encoder) / entry.path ().filename ());

  bundle.files.clear ();
  for (const std::string &name : names)
    bundle.files[name] = sha256_of_file (root / name);

  const std::string description = root / bundle_file::description;
  std::string text;
  try {
    text = to_json (bundle).dump (2) + "\n";
  } catch (const json::exception &) {
    throw Error (ErrorCode::failed, description, "a text of it is not UTF-8",
                 "Use UTF-8 in the avatar's name, licence and consent record");
  }
  parse_bundle (text, description);
  replace_file (description, text);
  return read_bundle (root);
}

bool
covered_by_speech_encoder_hash (const std::string &file_name)
{
  return file_name == "config.json" || file_name == "preprocessor_config.json" ||
         fs::path (file_name).extension () == ".safetensors";
}

std::string
speech_encoder_hash (const std::map<std::string, std::string> &files, int layer)
{
  std::string text = "layer " + std::to_string (layer) + "\n";
  for (const auto &[name, hash] : files)
    if (covered_by_speech_encoder_hash (name))
      text += name + " " + hash + "\n";
  return sha256 (text.data (), text.size ());
}

} // namespace daetalker
