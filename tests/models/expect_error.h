// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Expects that `statement` throws daetalker::Error of `code` whose words contain
// `part`.
#pragma once

#include "models/engine.h"

#include <gtest/gtest.h>
#include <string>

#define EXPECT_ERROR(statement, expected_code, part)                                     \
  try {                                                                                  \
    statement;                                                                           \
    ADD_FAILURE () << "no error";                                                        \
  } catch (const daetalker::Error &error) {                                              \
    EXPECT_EQ (error.code (), expected_code) << error.what ();                           \
    EXPECT_NE (std::string (error.what ()).find (part), std::string::npos)               \
        << error.what ();                                                                \
  }
