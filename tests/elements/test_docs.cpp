// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the documentation says is so: every gst-launch-1.0 line in README.md, docs/
// and the elements' sources is parsed by GStreamer and, where its devices and servers
// are there, played on the arithmetic engine; and docs/elements.md names exactly the
// properties that there are.
#include <algorithm>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

#include "testbundle.h"
#include "testelements.h"

namespace {

namespace fs = std::filesystem;

const char *const our_elements[] = {"daeencode", "daerender", "daetalkerbin",
                                    "speech2latent", "speechfeatures"};

fs::path
source_folder ()
{
  const char *folder = g_getenv ("DAETALKER_SOURCE");
  return folder != nullptr ? folder : ".";
}

std::string
read (const fs::path &path)
{
  std::ifstream file (path);
  std::stringstream text;
  text << file.rdbuf ();
  return text.str ();
}

struct LaunchLine {
  std::string where;
  std::string line;
};

void
PrintTo (const LaunchLine &launch, std::ostream *out)
{
  *out << launch.where << ": " << launch.line;
}

// Lines of Markdown that begin with gst-launch-1.0, or with a prompt before it; a
// backslash at the end continues them.
void
add_markdown (const fs::path &path, std::vector<LaunchLine> &lines)
{
  const std::string text = std::regex_replace (read (path), std::regex ("\\\\\n"), " ");
  const std::regex launch ("(^|\n)[ \t]*([$#] )?(gst-launch-1\\.0 [^\n]*)");
  for (std::sregex_iterator match (text.begin (), text.end (), launch), end; match != end;
       ++match)
    lines.push_back ({path.filename (), (*match)[3]});
}

// |[ ... ]| in comments.
void
add_source (const fs::path &path, std::vector<LaunchLine> &lines)
{
  const std::string text = read (path);
  const std::regex block ("\\|\\[([^\\]]*)\\]\\|");
  for (std::sregex_iterator match (text.begin (), text.end (), block), end; match != end;
       ++match)
    lines.push_back (
        {path.filename (),
         std::regex_replace ((*match)[1].str (), std::regex ("\\\\?\n \\*"), " ")});
}

std::vector<LaunchLine>
find_lines ()
{
  std::vector<LaunchLine> lines;
  if (fs::exists (source_folder () / "README.md"))
    add_markdown (source_folder () / "README.md", lines);
  for (const auto &file : fs::recursive_directory_iterator (source_folder () / "docs"))
    if (file.path ().extension () == ".md")
      add_markdown (file.path (), lines);
  for (const auto &file : fs::directory_iterator (source_folder () / "gst"))
    if (file.path ().extension () == ".cpp")
      add_source (file.path (), lines);
  return lines;
}

// The pipeline of a line; nullptr if an element of others is not installed, which is
// named in `missing`, or if the line is wrong, which is a failure.
GstElement *
parse (const std::string &line, std::string &missing)
{
  gint argc = 0;
  g_auto (GStrv) argv = nullptr;
  g_autoptr (GError) error = nullptr;
  if (!g_shell_parse_argv (line.c_str (), &argc, &argv, &error)) {
    ADD_FAILURE () << error->message;
    return nullptr;
  }
  EXPECT_STREQ (argv[0], "gst-launch-1.0");
  int first = 1;
  while (argv[first] != nullptr && argv[first][0] == '-')
    first++;
  g_autoptr (GstParseContext) context = gst_parse_context_new ();
  GstElement *pipeline = gst_parse_launchv_full ((const gchar **)argv + first, context,
                                                 GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (g_error_matches (error, GST_PARSE_ERROR, GST_PARSE_ERROR_NO_SUCH_ELEMENT)) {
    g_auto (GStrv) names = gst_parse_context_get_missing_elements (context);
    missing = names != nullptr ? names[0] : error->message;
    for (const char *ours : our_elements)
      EXPECT_NE (missing, ours);
    return nullptr;
  }
  EXPECT_EQ (error, nullptr) << error->message;
  return pipeline;
}

class LaunchLines : public testing::TestWithParam<LaunchLine> {};

TEST_P (LaunchLines, AreParsed)
{
  std::string missing;
  g_autoptr (GstElement) pipeline = parse (GetParam ().line, missing);
  if (!missing.empty ())
    GTEST_SKIP () << missing << " is not installed";
  EXPECT_NE (pipeline, nullptr);
}

INSTANTIATE_TEST_SUITE_P (Documentation, LaunchLines, testing::ValuesIn (find_lines ()));

// ---- played ------------------------------------------------------------------------

// A folder with what the lines read: half a second of sound, a video, and avatars.
class PlayedLines : public testing::TestWithParam<LaunchLine> {
protected:
  void SetUp () override
  {
    g_autofree gchar *folder = g_dir_make_tmp ("daetalker-XXXXXX", nullptr);
    folder_ = folder;
    before_ = fs::current_path ();
    fs::current_path (folder_);
    fs::create_directory ("avatars");
    for (const char *name : {"grid-s1", "me"})
      fs::create_directory_symlink (bundle_.path (), fs::path ("avatars") / name);
    g_setenv ("DAETALKER_AVATAR_PATH", (folder_ / "avatars").c_str (), TRUE);

    const std::string sound = "audiotestsrc num-buffers=5 samplesperbuffer=1600 ! "
                              "audio/x-raw,rate=16000,channels=1 ! audioconvert ! ";
    make (sound + "wavenc ! filesink location=speech.wav");
    make (sound + "flacenc ! matroskamux ! filesink location=speech.mkv");
    make ("videotestsrc num-buffers=10 ! video/x-raw,framerate=25/1,format=I420 ! "
          "x264enc ! mp4mux ! filesink location=face.mp4");
  }

  void TearDown () override
  {
    fs::current_path (before_);
    fs::remove_all (folder_);
  }

  // The line with a sink and a source in place of what a machine that tests lacks: a
  // window, a loudspeaker, a microphone.
  std::string playable () const
  {
    std::string line = GetParam ().line;
    for (const auto &[device, instead] :
         {std::pair<const char *, const char *>{"autovideosink", "fakesink sync=true"},
          {"autoaudiosink", "fakesink sync=true"},
          {"autoaudiosrc", "audiotestsrc is-live=true"}})
      line = std::regex_replace (line, std::regex (device), instead);
    return std::regex_replace (line, std::regex ("/home/me"), folder_.string ());
  }

private:
  static void make (const std::string &line)
  {
    std::string missing;
    g_autoptr (GstElement) pipeline = parse ("gst-launch-1.0 " + line, missing);
    if (pipeline == nullptr)
      GTEST_SKIP () << missing << " is not installed";
    g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (
        bus, 30 * GST_SECOND, GstMessageType (GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
    gst_element_set_state (pipeline, GST_STATE_NULL);
    ASSERT_TRUE (message != nullptr && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
        << line;
  }

  const TestBundle bundle_;
  fs::path folder_, before_;
};

// Frames that an element of ours has done; nothing for others.
std::optional<guint64>
frames_done_by (GstElement *element)
{
  const GParamSpec *spec =
      g_object_class_find_property (G_OBJECT_GET_CLASS (element), "stats");
  if (spec == nullptr || spec->value_type != GST_TYPE_STRUCTURE)
    return {};
  g_autoptr (GstStructure) stats = nullptr;
  g_object_get (element, "stats", &stats, nullptr);
  if (stats == nullptr || !gst_structure_has_name (stats, "daetalker-stats"))
    return {};
  guint64 count = 0, repeated = 0;
  for (const char *name : {"rendered", "encoded", "frames"})
    if (gst_structure_get_uint64 (stats, name, &count))
      break;
  gst_structure_get_uint64 (stats, "repeated", &repeated);
  return count + repeated;
}

// Frames that the laziest of our elements has done.
guint64
frames_done (GstElement *pipeline)
{
  guint64 least = G_MAXUINT64;
  g_autoptr (GstIterator) elements = gst_bin_iterate_recurse (GST_BIN (pipeline));
  GValue item = G_VALUE_INIT;
  GstIteratorResult result;
  while ((result = gst_iterator_next (elements, &item)) == GST_ITERATOR_OK) {
    least = std::min (
        least,
        frames_done_by (GST_ELEMENT (g_value_get_object (&item))).value_or (G_MAXUINT64));
    g_value_reset (&item);
  }
  g_value_unset (&item);
  return result == GST_ITERATOR_DONE ? least : 0; // else elements come and go
}

// Files to their end, live sources until there are some frames of everything.
TEST_P (PlayedLines, Play)
{
  const std::string line = playable ();
  const bool ends = std::regex_search (line, std::regex ("filesrc|uri=|num-buffers"));
  std::string missing;
  g_autoptr (GstElement) pipeline = parse (line, missing);
  if (!missing.empty ())
    GTEST_SKIP () << missing << " is not installed";
  ASSERT_NE (pipeline, nullptr);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);

  bool done = false;
  std::string lacking, failed; // a device or a server; what must not happen
  for (int wait = 0; wait < 600 && !done; wait++) {
    g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (
        bus, 50 * GST_MSECOND, GstMessageType (GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
    if (message == nullptr) {
      done = !ends && frames_done (pipeline) >= 5;
    } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS) {
      done = ends;
    } else {
      g_autoptr (GError) error = nullptr;
      gst_message_parse_error (message, &error, nullptr);
      auto *source = GST_ELEMENT (GST_MESSAGE_SRC (message));
      const bool excused =
          error->domain == GST_RESOURCE_ERROR && !frames_done_by (source);
      (excused ? lacking : failed) =
          std::string (GST_OBJECT_NAME (source)) + ": " + error->message;
      break;
    }
  }
  const guint64 frames = frames_done (pipeline);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  ASSERT_EQ (failed, "");
  if (!lacking.empty ())
    GTEST_SKIP () << lacking;
  EXPECT_TRUE (done) << "nothing came in 30 s";
  EXPECT_GE (frames, 5u);
  std::smatch file;
  if (std::regex_search (line, file, std::regex ("filesink location=(\\S+)"))) {
    EXPECT_GT (fs::file_size (file[1].str ()), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P (Documentation, PlayedLines, testing::ValuesIn (find_lines ()));

TEST (LaunchLines, AreFound)
{
  EXPECT_GE (find_lines ().size (), 10u);
}

// Names in the first column of the tables whose first column is `property`.
std::set<std::string>
documented (const std::string &section)
{
  std::set<std::string> names;
  std::istringstream text (section);
  std::string line;
  bool table = false;
  const std::regex row ("\\| `([a-z0-9-]+)` \\|.*");
  while (std::getline (text, line)) {
    std::smatch match;
    if (line.rfind ("| property |", 0) == 0)
      table = true;
    else if (line.empty ())
      table = false;
    else if (table && std::regex_match (line, match, row))
      names.insert (match[1]);
  }
  return names;
}

std::string
section (const std::string &text, const std::string &title)
{
  const auto begin = text.find ("\n## " + title + "\n");
  EXPECT_NE (begin, std::string::npos) << title;
  return text.substr (begin, text.find ("\n## ", begin + 1) - begin);
}

// Properties that the element's own class has.
std::set<std::string>
installed (const char *name)
{
  std::set<std::string> names;
  g_autoptr (GstElement) element = gst_element_factory_make (name, nullptr);
  EXPECT_NE (element, nullptr) << name;
  guint count = 0;
  g_autofree GParamSpec **specs =
      g_object_class_list_properties (G_OBJECT_GET_CLASS (element), &count);
  for (guint i = 0; i < count; i++)
    if (specs[i]->owner_type == G_OBJECT_TYPE (element))
      names.insert (specs[i]->name);
  return names;
}

TEST (Properties, AreDocumentedAllAndOnly)
{
  const std::string text = read (source_folder () / "docs" / "elements.md");
  const std::set<std::string> shared =
      documented (section (text, "What all of them share"));
  EXPECT_EQ (shared.size (), 7u);
  std::set<std::string> all = shared;
  for (const char *name : {"speechfeatures", "speech2latent", "daerender", "daeencode"}) {
    std::set<std::string> names = documented (section (text, name));
    names.insert (shared.begin (), shared.end ());
    EXPECT_EQ (names, installed (name)) << name;
    all.insert (names.begin (), names.end ());
  }
  for (const std::string &own : documented (section (text, "daetalkerbin")))
    all.insert (own);
  EXPECT_EQ (all, installed ("daetalkerbin"));
}

} // namespace

int
main (int argc, char **argv)
{
  return run_element_tests (argc, argv);
}
