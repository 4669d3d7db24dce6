// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The tests of one file, of several that are linked together.
#pragma once

#include <cstdio>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>

// A filter for all tests of `file`, its name without a folder; empty if it has none.
inline std::string
filter_of_file (const std::string &file)
{
  std::string filter;
  const testing::UnitTest &tests = *testing::UnitTest::GetInstance ();
  for (int i = 0; i < tests.total_test_suite_count (); i++) {
    const testing::TestSuite &suite = *tests.GetTestSuite (i);
    for (int j = 0; j < suite.total_test_count (); j++) {
      const testing::TestInfo &test = *suite.GetTestInfo (j);
      if (std::filesystem::path (test.file ()).filename () == file)
        filter += std::string (suite.name ()) + "." + test.name () + ":";
    }
  }
  return filter;
}

// PROGRAM [test_NAME.cpp] [GoogleTest's options].  Without a name: the tests of all
// files, or those that --gtest_filter chooses.
inline int
run_tests_of_file (int argc, char **argv)
{
  testing::InitGoogleTest (&argc, argv);
  if (argc > 1) {
    const std::string filter = filter_of_file (argv[1]);
    if (filter.empty ()) {
      std::fprintf (stderr, "%s has no tests of %s\n", argv[0], argv[1]);
      return 1;
    }
    testing::FLAGS_gtest_filter = filter;
  }
  return RUN_ALL_TESTS ();
}
