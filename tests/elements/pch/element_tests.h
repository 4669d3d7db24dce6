// Precompiled: every file of tests reads these, which takes the compiler longer than the
// tests.
#include <gst/check/gstharness.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
