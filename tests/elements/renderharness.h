// SPDX-License-Identifier: LGPL-2.1-or-later
//
// daerender in a harness, with a bus, on the arithmetic engine: latent[0] is the
// picture's red, x its green, y its blue.
#pragma once

#include <gst/check/gstharness.h>
#include <gst/video/video.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "gst/tensorcaps.h"
#include "testbundle.h"
#include "testelements.h"

constexpr guint test_latent_size = 8;

inline std::string
hash_of (const TestBundle &bundle)
{
  std::ifstream file (bundle.path () + "/avatar.json");
  return nlohmann::json::parse (file).at ("sha256");
}

class ElementHarness {
public:
  // `factory` with `avatar`, in NULL; the first push starts it.
  ElementHarness (const char *factory, const TestBundle &avatar)
      : bus (gst_bus_new ()), element (gst_element_factory_make (factory, nullptr))
  {
    g_object_set (element, "avatar", avatar.c_str (), nullptr);
    gst_element_set_bus (element, bus);
  }
  ElementHarness (const ElementHarness &) = delete;
  ElementHarness &operator= (const ElementHarness &) = delete;

  ~ElementHarness ()
  {
    if (h != nullptr) {
      gst_harness_teardown (h);
    } else {
      gst_element_set_state (element, GST_STATE_NULL);
    }
    gst_element_set_bus (element, nullptr);
    gst_object_unref (element);
    gst_object_unref (bus);
  }

  // Puts the element into its harness, which starts it.
  void start ()
  {
    h = gst_harness_new_with_element (element, "sink", "src");
    gst_harness_play (h);
  }

  GstBus *bus;
  GstElement *element;
  GstHarness *h = nullptr;
};

class RenderHarness : public ElementHarness {
public:
  // Every frame is drawn.
  explicit RenderHarness (const TestBundle &avatar) : ElementHarness ("daerender", avatar)
  {
    g_object_set (element, "still-threshold", 0.0, nullptr);
  }

  // Latents at `num`/`den` frames a second, tagged with `hash` unless it is "".
  void set_caps (const std::string &hash = "", gint num = 25, gint den = 1)
  {
    gst_harness_set_src_caps (
        h, daetalker_latent_caps_new (test_latent_size, num, den, hash.c_str ()));
  }

  static GstBuffer *new_latent (float red, guint64 frame, gint num = 25, gint den = 1)
  {
    float values[test_latent_size + 3] = {red};
    GstBuffer *buffer = gst_buffer_new_memdup (values, sizeof (values));
    GST_BUFFER_PTS (buffer) = gst_util_uint64_scale (frame, GST_SECOND * den, num);
    GST_BUFFER_DURATION (buffer) =
        gst_util_uint64_scale (frame + 1, GST_SECOND * den, num) -
        GST_BUFFER_PTS (buffer);
    GST_BUFFER_OFFSET (buffer) = frame;
    return buffer;
  }

  GstFlowReturn push (float red, guint64 frame)
  {
    return gst_harness_push (h, new_latent (red, frame));
  }

  // Pushes one latent and returns the red of the picture's first pixel (packed
  // formats that begin with red).
  int red_of (float red, guint64 frame)
  {
    EXPECT_EQ (push (red, frame), GST_FLOW_OK);
    g_autoptr (GstBuffer) buffer = gst_harness_try_pull (h);
    if (buffer == nullptr)
      return -1;
    guint8 value = 0;
    gst_buffer_extract (buffer, 0, &value, 1);
    return value;
  }
};
