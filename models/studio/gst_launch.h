// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Pipelines from a description as gst-launch-1.0 takes it.
#pragma once

#include "models/studio/gst_pointers.h"

#include <string>

namespace daetalker {

// Set the pipeline to NULL before its pointer goes.  Throws Error (not_found: an element
// is missing) about `subject`.
GstElementPointer launch_pipeline (const std::string &description,
                                   const std::string &subject);

// The element of that name; empty if there is none.
GstElementPointer element_of (const GstElementPointer &pipeline, const char *name);

} // namespace daetalker
