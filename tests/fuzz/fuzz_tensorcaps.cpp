// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Any fields of any type as the caps of a tensor stream.
#include "gst/tensorcaps.h"

#include <cstdlib>
#include <fuzzer/FuzzedDataProvider.h>
#include <string>

namespace {

const char *const names[] = {"format",    "num_tensors", "types",      "dimensions",
                             "framerate", "tensor-id",   "model-hash", "chunk-frames"};

void
set_field (GstStructure *structure, const char *name, FuzzedDataProvider &input)
{
  switch (input.ConsumeIntegralInRange (0, 4)) {
  case 0:
    gst_structure_set (structure, name, G_TYPE_INT, input.ConsumeIntegral<gint> (),
                       nullptr);
    break;
  case 1: {
    // GstStructure takes UTF-8 without control characters; ASCII is what parsers see.
    std::string text = input.ConsumeRandomLengthString (64);
    for (char &c : text)
      c = static_cast<char> (32 + (static_cast<unsigned char> (c) % 95));
    gst_structure_set (structure, name, G_TYPE_STRING, text.c_str (), nullptr);
    break;
  }
  case 2:
    gst_structure_set (structure, name, GST_TYPE_FRACTION,
                       input.ConsumeIntegralInRange (0, G_MAXINT),
                       input.ConsumeIntegralInRange (1, G_MAXINT), nullptr);
    break;
  case 3:
    gst_structure_set (structure, name, GST_TYPE_INT_RANGE,
                       input.ConsumeIntegralInRange (0, 1000),
                       input.ConsumeIntegralInRange (1001, 2000), nullptr);
    break;
  default:
    gst_structure_set (
        structure, name, G_TYPE_STRING,
        input.PickValueInArray ({"static", "float32", "float32,float32", "512:1:1:1",
                                 "512:1:1:1,3:1:1:1", "65536:65536", ":", ",", ""}),
        nullptr);
  }
}

} // namespace

extern "C" int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  gst_registry_fork_set_enabled (FALSE);
  gst_init (argc, argv);
  return 0;
}

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  FuzzedDataProvider input (data, size);
  GstCaps *caps = input.ConsumeIntegralInRange (0, 31) == 0 ? gst_caps_new_any ()
                                                            : gst_caps_new_empty ();
  const guint num_tensors = input.ConsumeIntegralInRange (1u, 3u);
  const int structures = input.ConsumeIntegralInRange (0, 2);
  for (int i = 0; i < structures && !gst_caps_is_any (caps); i++) {
    GstStructure *structure =
        gst_structure_new_empty (input.ConsumeBool () ? "other/tensors" : "video/x-raw");
    // What is valid, then some of it changed.
    gst_structure_set (structure, "format", G_TYPE_STRING, "static", "num_tensors",
                       G_TYPE_INT, static_cast<gint> (num_tensors), "types",
                       G_TYPE_STRING, num_tensors == 1 ? "float32" : "float32,float32",
                       "dimensions", G_TYPE_STRING,
                       num_tensors == 1 ? "16:1:1:1" : "16:1:1:1,3:1:1:1", nullptr);
    for (const char *name : names)
      if (input.ConsumeBool ())
        set_field (structure, name, input);
    gst_caps_append_structure (caps, structure);
  }

  TensorCaps parsed;
  gchar *reason = nullptr;
  if (daetalker_tensor_caps_parse (caps, num_tensors, &parsed, &reason)) {
    if (parsed.size == 0 || parsed.size > 1 << 24 || parsed.rate_den <= 0)
      abort ();
  } else if (!reason) {
    abort ();
  }
  g_free (reason);
  gst_caps_unref (caps);
  return 0;
}
