// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/engine/errors.h"

#include "models/engine.h"

#include <c10/util/Exception.h>
#include <new>

namespace daetalker {
namespace {

// LibTorch has no class for a failed host allocation, only words.
bool
is_about_memory (const std::string &message)
{
  return message.find ("not enough memory") != std::string::npos ||
         message.find ("out of memory") != std::string::npos ||
         message.find ("can't allocate memory") != std::string::npos;
}

std::string
first_line (const std::string &text)
{
  return text.substr (0, text.find ('\n'));
}

[[noreturn]] void
throw_no_memory (const std::string &subject)
{
  throw Error (ErrorCode::no_memory, subject, "memory ran out",
               "Close other programs, or use a smaller model or shorter chunks");
}

[[noreturn]] void
throw_failed (const std::string &subject, const std::string &message)
{
  if (is_about_memory (message))
    throw_no_memory (subject);
  throw Error (ErrorCode::failed, subject,
               "the computation failed: " + first_line (message),
               "Report this as a bug, with the model it happened with");
}

} // namespace

void
rethrow_as_error (const std::string &subject)
{
  try {
    throw;
  } catch (const Error &) {
    throw;
  } catch (const std::bad_alloc &) {
    throw_no_memory (subject);
  } catch (const c10::Error &error) {
    throw_failed (subject, error.what_without_backtrace ());
  } catch (const std::exception &error) {
    throw_failed (subject, error.what ());
  } catch (...) {
    throw_failed (subject, "an exception without words");
  }
}

} // namespace daetalker
