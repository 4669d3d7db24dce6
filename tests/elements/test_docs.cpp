// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the documentation says is so: every gst-launch-1.0 line in README.md, docs/
// and the elements' sources is parsed by GStreamer, and docs/elements.md names
// exactly the properties that there are.
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

class LaunchLines : public testing::TestWithParam<LaunchLine> {};

TEST_P (LaunchLines, AreParsed)
{
  gint argc = 0;
  g_auto (GStrv) argv = nullptr;
  g_autoptr (GError) error = nullptr;
  ASSERT_TRUE (g_shell_parse_argv (GetParam ().line.c_str (), &argc, &argv, &error))
      << error->message;
  ASSERT_STREQ (argv[0], "gst-launch-1.0");
  int first = 1;
  while (argv[first] != nullptr && argv[first][0] == '-')
    first++;
  g_autoptr (GstParseContext) context = gst_parse_context_new ();
  g_autoptr (GstElement) pipeline = gst_parse_launchv_full (
      (const gchar **)argv + first, context, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (g_error_matches (error, GST_PARSE_ERROR, GST_PARSE_ERROR_NO_SUCH_ELEMENT)) {
    g_auto (GStrv) missing = gst_parse_context_get_missing_elements (context);
    ASSERT_NE (missing, nullptr) << error->message;
    for (const char *ours : our_elements)
      ASSERT_STRNE (missing[0], ours);
    GTEST_SKIP () << missing[0] << " is not installed";
  }
  EXPECT_EQ (error, nullptr) << error->message;
  EXPECT_NE (pipeline, nullptr);
}

INSTANTIATE_TEST_SUITE_P (Documentation, LaunchLines, testing::ValuesIn (find_lines ()));

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
  EXPECT_EQ (all, installed ("daetalkerbin"));
}

} // namespace

int
main (int argc, char **argv)
{
  return run_element_tests (argc, argv);
}
