// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <memory>

struct BufferUnref {
  void operator() (GstBuffer *buffer) const { gst_buffer_unref (buffer); }
};
using BufferPtr = std::unique_ptr<GstBuffer, BufferUnref>;
