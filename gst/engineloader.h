// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Finds and opens the engine's shared library, once per process, on the first
// NULL->READY; and turns an engine's errors into element errors.
#pragma once

#include <gst/gst.h>

#include <new>
#include <string>

#include "models/engine.h"

// The engine's library itself is missing or does not fit (posted as LIBRARY/INIT).
class DaetalkerEngineError : public daetalker::Error {
public:
  using daetalker::Error::Error;
};

// The engine named by the environment variable DAETALKER_ENGINE, else the
// installed one.  Throws DaetalkerEngineError (not_found, wrong_model) in words
// that say which file was tried and what to install.
daetalker::Engine &daetalker_engine_load ();

// Posts `error` on the bus with the domain and code of its kind:
//   not_found   RESOURCE/NOT_FOUND       unreadable  RESOURCE/OPEN_READ
//   corrupt     RESOURCE/READ            wrong_model LIBRARY/SETTINGS
//   no_consent  RESOURCE/NOT_AUTHORIZED  no_device   RESOURCE/NOT_FOUND
//   no_memory   RESOURCE/NO_SPACE_LEFT   failed      LIBRARY/FAILED
// DaetalkerEngineError is LIBRARY/INIT.  Call it without holding the object lock.
// `type`: GST_MESSAGE_ERROR, or GST_MESSAGE_WARNING where the element goes on.
void daetalker_post_error (GstElement *element, const daetalker::Error &error,
                           GstMessageType type = GST_MESSAGE_ERROR);

// The border of every vfunc that calls the engine: runs `body`, posts what it
// throws (daetalker::Error and any other exception) and returns `failed` then.
template <typename Result, typename Body>
Result
daetalker_guard (GstElement *element, Result failed, Body body)
{
  using daetalker::Error;
  using daetalker::ErrorCode;
  const char *remedy = "Please report this with a log at GST_DEBUG=*:6";
  try {
    return body ();
  } catch (const Error &error) {
    daetalker_post_error (element, error);
  } catch (const std::bad_alloc &) {
    daetalker_post_error (element, Error (ErrorCode::no_memory, GST_OBJECT_NAME (element),
                                          "out of memory",
                                          "Free memory, or take a smaller avatar"));
  } catch (const std::exception &error) {
    daetalker_post_error (element, Error (ErrorCode::failed, GST_OBJECT_NAME (element),
                                          error.what (), remedy));
  } catch (...) {
    daetalker_post_error (element, Error (ErrorCode::failed, GST_OBJECT_NAME (element),
                                          "unknown exception", remedy));
  }
  return failed;
}

// The folder of an avatar: `name` itself if it holds a path separator or is a
// folder, else the first match in DAETALKER_AVATAR_PATH and the installed data
// folder; nullptr or "" is the shipped avatar.  Throws not_found with the places
// looked at and the names found there.
std::string daetalker_find_avatar (const gchar *name);
