// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/studio/gst_launch.h"

#include "models/engine.h"
#include "models/studio/gst_errors.h"

namespace daetalker {

GstElementPointer
launch_pipeline (const std::string &description, const std::string &subject)
{
  GError *error = nullptr;
  GstElement *pipeline = gst_parse_launch_full (description.c_str (), nullptr,
                                                GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (error) {
    const GErrorPointer owned (error);
    throw Error (ErrorCode::not_found, subject, reason_of (*owned),
                 "`daetalker info` says which elements are missing and how to get them");
  }
  return GstElementPointer (GST_ELEMENT (gst_object_ref_sink (pipeline)));
}

GstElementPointer
element_of (const GstElementPointer &pipeline, const char *name)
{
  return GstElementPointer (gst_bin_get_by_name (GST_BIN (pipeline.get ()), name));
}

} // namespace daetalker
