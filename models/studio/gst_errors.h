// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What elements report on the bus, as a reason in an Error.
#pragma once

#include "models/studio/gst_pointers.h"

#include <string>

namespace daetalker {

// Of a GST_MESSAGE_ERROR.
GErrorPointer error_of (GstMessage *message);

// The error's words without the full stop that Error puts itself.
std::string reason_of (const GError &error);

} // namespace daetalker
