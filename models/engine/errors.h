// SPDX-License-Identifier: LGPL-2.1-or-later
//
// LibTorch's exceptions in the engine's words: no exception but daetalker::Error
// leaves an engine.
#pragma once

#include <string>
#include <utility>

namespace daetalker {

// To be called while an exception is handled.  daetalker::Error passes unchanged;
// what memory ran out for becomes no_memory; anything else failed.
[[noreturn]] void rethrow_as_error (const std::string &subject);

// `function ()`, whatever it throws as an Error.  `subject` is what it is about.
template <typename Function>
auto
guarded (const std::string &subject, Function &&function)
{
  try {
    return std::forward<Function> (function) ();
  } catch (...) {
    rethrow_as_error (subject);
  }
}

} // namespace daetalker
