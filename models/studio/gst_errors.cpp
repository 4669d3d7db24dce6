// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/gst_errors.h"

namespace daetalker {

GErrorPointer
error_of (GstMessage *message)
{
  GError *error = nullptr;
  gst_message_parse_error (message, &error, nullptr);
  return GErrorPointer (error);
}

std::string
reason_of (const GError &error)
{
  std::string reason = error.message;
  while (!reason.empty () && (reason.back () == '.' || reason.back () == '\n'))
    reason.pop_back ();
  return reason;
}

} // namespace daetalker
