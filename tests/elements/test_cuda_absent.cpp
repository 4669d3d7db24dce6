// SPDX-License-Identifier: LGPL-2.1-or-later
//
// daerender on a machine whose engine has a GPU and that has no libcuda.so.1: it says so,
// renders to system memory, and nothing aborts.
#include "renderharness.h"

namespace {

std::string
pop_warning (GstBus *bus)
{
  g_autoptr (GstMessage) message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING);
  if (message == nullptr)
    return "";
  g_autoptr (GError) error = nullptr;
  gst_message_parse_warning (message, &error, nullptr);
  return error->message;
}

// Of NVIDIA's driver, where it is installed, these tests can tell nothing.
class NoDriver : public testing::Test {
protected:
  void SetUp () override
  {
    if (GModule *driver = g_module_open ("libcuda.so.1", G_MODULE_BIND_LAZY)) {
      g_module_close (driver);
      GTEST_SKIP () << "libcuda.so.1 is installed";
    }
  }
};

TEST_F (NoDriver, IsSaidAndPicturesGoThroughSystemMemory)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  r.start ();
  const std::string warning = pop_warning (r.bus);
  EXPECT_NE (warning.find ("libcuda.so.1"), std::string::npos) << warning;
  EXPECT_NE (warning.find ("system memory"), std::string::npos) << warning;
  r.set_caps ();
  EXPECT_EQ (r.red_of (1.0f, 0), 255);
  g_autoptr (GstPad) src = gst_element_get_static_pad (r.element, "src");
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (src);
  EXPECT_EQ (gst_caps_features_get_size (gst_caps_get_features (caps, 0)), 1u);
  EXPECT_TRUE (gst_caps_features_contains (gst_caps_get_features (caps, 0),
                                           GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY));
  EXPECT_EQ (pop_error (r.bus).domain, 0u);
}

TEST_F (NoDriver, DownstreamThatNeedsGpuMemoryIsToldWhyAndWhatToDo)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  r.start ();
  gst_harness_set_sink_caps_str (r.h, "video/x-raw(memory:CUDAMemory)");
  r.set_caps ();
  EXPECT_EQ (r.push (1.0f, 0), GST_FLOW_NOT_NEGOTIATED);
  const BusError error = pop_error (r.bus);
  EXPECT_EQ (error.domain, GST_CORE_ERROR);
  EXPECT_EQ (error.code, GST_CORE_ERROR_NEGOTIATION);
  EXPECT_NE (error.text.find ("libcuda.so.1"), std::string::npos) << error.text;
  EXPECT_NE (error.text.find ("cudaupload"), std::string::npos) << error.text;
}

TEST_F (NoDriver, TheCpuNeedsNone)
{
  TestBundle bundle;
  RenderHarness r (bundle);
  g_object_set (r.element, "device", "cpu", nullptr);
  r.start ();
  EXPECT_EQ (pop_warning (r.bus), "");
  gst_harness_set_sink_caps_str (r.h, "video/x-raw(memory:CUDAMemory)");
  r.set_caps ();
  EXPECT_EQ (r.push (1.0f, 0), GST_FLOW_NOT_NEGOTIATED);
  const BusError error = pop_error (r.bus);
  EXPECT_NE (error.text.find ("runs on cpu"), std::string::npos) << error.text;
}

} // namespace

int
main (int argc, char **argv)
{
  return run_element_tests (argc, argv);
}
