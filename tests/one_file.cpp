// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/one_file.h"

int
main (int argc, char **argv)
{
  return run_tests_of_file (argc, argv);
}
