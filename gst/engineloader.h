// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Finds and opens the engine's shared library, once per process, on the first
// NULL->READY; and turns an engine's errors into element errors.
#pragma once

#include <gst/gst.h>

#include "models/engine.h"

// The engine named by the environment variable DAETALKER_ENGINE, else the
// installed one.  Throws daetalker::Error (not_found, wrong_model) in words that
// say which file was tried and what to install.
daetalker::Engine &daetalker_engine_load ();

// Posts `error` on the bus with the domain and code that gstreamer.md 2.13 lists.
// Call it without holding the object lock.
void daetalker_post_error (GstElement *element, const daetalker::Error &error);

// The border of every vfunc that calls the engine: runs `body`, posts what it
// throws (daetalker::Error and any std::exception) and returns `failed` then.
template <typename Result, typename Body>
Result
daetalker_guard (GstElement *element, Result failed, Body body)
{
  try {
    return body ();
  } catch (const daetalker::Error &error) {
    daetalker_post_error (element, error);
  } catch (const std::exception &error) {
    daetalker_post_error (element,
        daetalker::Error (daetalker::ErrorCode::failed, GST_OBJECT_NAME (element),
            error.what (), "Please report this with a log at GST_DEBUG=daetalker*:6"));
  }
  return failed;
}

// The folder of an avatar: `name` itself if it holds a path separator or is a
// folder, else the first match in DAETALKER_AVATAR_PATH and the installed data
// folder; nullptr or "" is the shipped avatar.  Throws not_found with the places
// looked at and the names found there.
std::string daetalker_find_avatar (const gchar *name);
